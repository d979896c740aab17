import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleOf } from './module-path.ts';

test('the module is the name in the place of the braces', () => {
  const pattern = 'modules/{module}/state/';
  assert.equal(moduleOf(pattern, '/srv/shop/modules/zeroia/state/main.toml'), 'zeroia');
  assert.equal(moduleOf(pattern, '/srv/shop/modules/a b/state/x/y.toml'), 'a b');
  assert.equal(moduleOf(pattern, '/srv/shop/modules/zeroia/cache/main.toml'), undefined);
  assert.equal(moduleOf(pattern, '/srv/shop/submodules/zeroia/state/main.toml'), undefined);
  assert.equal(moduleOf('/state/{module}.toml', '/srv/state/pay.toml'), 'pay');
  assert.equal(moduleOf('a+b/{module}/', '/srv/a+b/pay/x'), 'pay');
});

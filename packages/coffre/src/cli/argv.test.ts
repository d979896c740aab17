import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizeArguments } from './argv.ts';

test('spellings of restic become spellings of commander', () => {
  assert.deepEqual(normalizeArguments(['--verbose=2', 'snapshots']), ['-v', '-v', 'snapshots']);
  assert.deepEqual(normalizeArguments(['ls', '--json=true', '--long=false']), ['ls', '--json']);
  assert.deepEqual(normalizeArguments(['-r=/srv/repo', 'ls']), ['-r', '/srv/repo', 'ls']);
  assert.deepEqual(normalizeArguments(['help', 'key', 'add']), ['key', 'add', '--help']);
});

test('the configuration may be named before the verb, also after flags', () => {
  const named = ['status', '--config', 'a.yaml'];
  assert.deepEqual(normalizeArguments(['--config', 'a.yaml', 'status']), named);
  assert.deepEqual(normalizeArguments(['-q', '--json', '--config', 'a.yaml', 'status']), ['-q', '--json', ...named]);
  assert.deepEqual(normalizeArguments(['-q', '--config=a.yaml', 'status']), ['-q', 'status', '--config=a.yaml']);
  for (const argv of [named, ['backup', 'x', '--config', 'y', 'z'], ['-q'], ['--config'], []]) {
    assert.deepEqual(normalizeArguments(argv), argv);
  }
});

test('options with values keep them, and nothing after -- is touched', () => {
  assert.deepEqual(normalizeArguments(['--host=true', '--repo=/r']), ['--host=true', '--repo=/r']);
  const command = ['backup', '--stdin-from-command', '--', 'dump', '--verbose=2', '-r=x'];
  assert.deepEqual(normalizeArguments(command), command);
});

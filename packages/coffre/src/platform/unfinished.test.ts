import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { placeBeside } from './unfinished.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-unfinished-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('what dead processes left for the same target goes; of living ones, and of others, it stays', () => {
  const stays = [`.data.coffre-${process.ppid}`, '.other.coffre-999999999', 'data.coffre-999999999', '.data.coffre-x'];
  for (const name of [...stays, '.data.coffre-999999999.bundle']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, '.data.coffre-999999999', 'inner'), { recursive: true });
  mkdirSync(join(folder, `.data.coffre-${process.pid}`));
  assert.equal(placeBeside(join(folder, 'data')), join(folder, `.data.coffre-${process.pid}`));
  assert.deepEqual(readdirSync(folder).toSorted(), stays.toSorted());
});

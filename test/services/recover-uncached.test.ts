/** What `recover` finds must be in the storage: copies in the local cache do not count. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createStage } from '../interop/stage.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';
import { quicken } from '../quick-key.ts';

describe('recover on a server', { skip: skipWithoutService('rest-server') }, () => {
  test('a folder that is damaged in the storage is not found, however good the copy on this machine is', async () => {
    await using server = await startRestServer();
    using stage = createStage();
    const repository = `rest:${server.origin}/r`;
    const ok = (...argv: string[]): string => stage.ok('coffre', repository, argv);
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    ok('init');
    await quicken(join(server.folder, 'repositories', 'r'));
    for (const name of ['first', 'second']) {
      writeFileSync(join(source, name), name);
      ok('backup', source);
    }
    ok('ls', 'latest');
    const trees = ok('list', 'packs').trim().split('\n');
    for (const _ of [1, 2]) ok('forget', 'latest');
    const damaged = damageOneTreePack(join(server.folder, 'repositories', 'r', 'data'), trees);
    const ran = stage.run('coffre', repository, ['recover']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /unable to load tree/, damaged);
  });
});

/** Small files take less than the folders above them. */
function damageOneTreePack(folder: string, ids: readonly string[]): string {
  const files = ids.map((id) => join(folder, id.slice(0, 2), id));
  const [largest = ''] = files.toSorted((a, b) => readFileSync(b).byteLength - readFileSync(a).byteLength);
  const bytes = readFileSync(largest);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  chmodSync(largest, 0o600);
  writeFileSync(largest, bytes);
  return largest;
}

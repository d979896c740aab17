/** Files cut in other ways than restic's are files like all others to restic. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { createStage, newestIn, skipWithoutBoth, type Program, type Stage } from './stage.ts';

const pageBytes = 4096;
const sizeBytes = 12 * 1024 * 1024;

/** Half of each page random: some compress, some do not. */
function databaseFile(seed: number): Buffer {
  const random = createSeededRandom(seed);
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += pageBytes) random.bytes(pageBytes / 2).copy(bytes, at);
  return bytes;
}

function updatePages(path: string, pages: readonly number[]): void {
  const file = openSync(path, 'r+');
  for (const page of pages) writeSync(file, `row changed in page ${page}`, page * pageBytes + 100);
  closeSync(file);
}

describe('every way of cutting files is readable by restic', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  before(() => {
    stage = createStage();
  });
  after(() => stage[Symbol.dispose]());

  type Cut = { readonly profile: string; readonly version: 1 | 2; readonly addedBytesMax: number };
  /** The list of a file's chunks is written anew. */
  const treeBytesMax = 30_000;
  const scattered = [3, 700, 1400, 2100, 2800];
  const cuts: readonly Cut[] = [
    { profile: 'files', version: 2, addedBytesMax: sizeBytes },
    { profile: 'database', version: 2, addedBytesMax: 5 * 600_000 },
    { profile: 'pages', version: 2, addedBytesMax: 5 * 65_536 + treeBytesMax },
    { profile: 'pages', version: 1, addedBytesMax: 5 * 65_536 + treeBytesMax },
  ];
  for (const { profile, version, addedBytesMax } of cuts) {
    test(`${profile}, version ${version}: checked, dumped and extended by restic`, async () => {
      const repository = await stage.repository(`${profile} ${version}`, version);
      const file = join(stage.folder, `${profile}${version}.db`);
      writeFileSync(file, databaseFile(9));
      const dumped = (program: Program): Buffer => {
        const target = join(stage.folder, `dump-${program}`);
        stage.ok(program, repository, ['dump', 'latest', `/${profile}${version}.db`, '--target', target]);
        return readFileSync(target);
      };
      const backup = ['backup', `${profile}${version}.db`, '--chunker', profile];
      stage.ok('coffre', repository, backup);
      const before = dataBytes(stage, repository);
      updatePages(file, scattered);
      stage.ok('coffre', repository, backup);
      const added = dataBytes(stage, repository) - before;
      assert.ok(added > 0 && added <= addedBytesMax, `${added} bytes for five rows`);
      const [first, second] = [readFileSync(file), newestIn(stage, repository)];
      stage.ok('old', repository, ['check', '--read-data']);
      stage.ok('new', repository, ['check', '--read-data']);
      assert.ok(dumped('new').equals(first));

      // Unchanged for restic too: it takes our chunks over as they are.
      stage.ok('new', repository, ['backup', `${profile}${version}.db`]);
      assert.equal(newestIn(stage, repository).tree, second.tree);
      updatePages(file, [17]);
      stage.ok('new', repository, ['backup', `${profile}${version}.db`]);
      assert.ok(dumped('coffre').equals(readFileSync(file)));
      stage.ok('coffre', repository, ['check', '--read-data']);
    });
  }
});

function dataBytes(stage: Stage, repository: string): number {
  const stats = stage.ok('new', repository, ['stats', '--json', '--mode', 'raw-data']);
  return (
    (JSON.parse(stats) as { total_uncompressed_size?: number; total_size: number }).total_uncompressed_size ??
    (JSON.parse(stats) as { total_size: number }).total_size
  );
}

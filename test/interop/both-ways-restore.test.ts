/** What restic wrote, Coffre reads, checks, extends and restores exactly. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readFacts, type FolderFacts } from './folder-facts.ts';
import { writeHostileFolder, writeRichFolder } from './rich-folder.ts';
import { createStage, newestIn, skipWithoutBoth, snapshotsIn, type SnapshotLine, type Stage } from './stage.ts';

type Layout = {
  readonly name: string;
  readonly by: 'old' | 'new';
  readonly version: 1 | 2;
  readonly argv: readonly string[];
};

const layouts: readonly Layout[] = [
  { name: 'version 1 of restic 0.14', by: 'old', version: 1, argv: [] },
  {
    name: 'version 2 of restic 0.14, compressed as much as it can',
    by: 'old',
    version: 2,
    argv: ['--compression', 'max'],
  },
  { name: 'version 1 of restic 0.19', by: 'new', version: 1, argv: [] },
  { name: 'version 2 of restic 0.19, not compressed', by: 'new', version: 2, argv: ['--compression', 'off'] },
  { name: 'version 2 of restic 0.19, small packs', by: 'new', version: 2, argv: ['--pack-size', '4'] },
];

describe('what restic writes is a repository for Coffre', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  before(() => {
    stage = createStage();
    writeHostileFolder(join(stage.folder, 'hostile'));
  });
  after(() => stage[Symbol.dispose]());

  let targets = 0;
  function restored(repository: string, snapshot: string, folder: string): FolderFacts {
    const target = join(stage.folder, `target${(targets += 1)}`);
    stage.ok('coffre', repository, ['restore', snapshot, '--target', target, '--verify']);
    return readFacts(join(target, folder));
  }

  for (const { name, by, version, argv } of layouts) {
    test(`${name}: read, checked, restored and extended`, async () => {
      const repository = await stage.repository(name, version);
      const source = `rich ${name}`;
      const place = join(stage.folder, source);
      writeRichFolder(place);
      stage.ok(by, repository, ['backup', 'hostile', ...argv]);
      const gone = newestIn(stage, repository);
      stage.ok(by, repository, ['backup', '--tag', 'first', source, ...argv]);
      const first = readFacts(place);

      appendFileSync(join(place, 'text.log'), 'one more line\n');
      writeFileSync(join(place, 'many/new file'), 'new');
      rmSync(join(place, 'many/file 7.txt'));
      stage.ok(by, repository, ['backup', source, ...argv]);
      const second = readFacts(place);
      stage.ok(by, repository, ['tag', '--add', 'kept', '--tag', 'first']);
      stage.ok(by, repository, ['forget', gone.id, '--prune']);
      stage.ok('new', repository, ['rewrite', '--exclude', 'random.bin', '--tag', 'first']);

      assert.match(stage.ok('coffre', repository, ['check', '--read-data']), /no errors were found/);
      const snapshots = snapshotsIn(stage, 'new', repository);
      // A rewritten snapshot has the time of the first one, and their order is chance.
      assert.deepEqual(byId(snapshotsIn(stage, 'coffre', repository)), byId(snapshots));
      const tagged = snapshots.find(({ tags }) => tags?.join() === 'first,kept');
      const rewritten = snapshots.find(({ tags }) => tags?.includes('rewrite'));
      const latest = snapshots.find(({ tags }) => tags === undefined);
      assert.ok(tagged && rewritten && latest && snapshots.length === 3);
      assert.deepEqual(restored(repository, tagged.id, source), first);
      const { 'random.bin': left, ...others } = first;
      assert.ok(left);
      assert.deepEqual(restored(repository, rewritten.id, source), others);
      assert.deepEqual(restored(repository, latest.id, source), second);

      const words = ['backup', source, '--json', '--quiet', ...argv];
      const said = JSON.parse(stage.ok('coffre', repository, words).trim().split('\n').at(-1) ?? '') as Summary;
      assert.deepEqual([said.files_new, said.files_changed, said.data_added], [0, 0, 0]);
      assert.ok(said.files_unmodified > 100);
      const extended = newestIn(stage, repository);
      assert.deepEqual([extended.parent, extended.tree], [latest.id, latest.tree]);
    });
  }

  test('a second backup does not even open what restic saved', async () => {
    const repository = await stage.repository('unread');
    const file = join(stage.folder, 'unread source/file');
    mkdirSync(join(stage.folder, 'unread source'));
    const write = (text: string): void => {
      writeFileSync(file, text);
      utimesSync(file, 1_700_000_000, 1_700_000_000);
    };
    write('what restic saw');
    stage.ok('new', repository, ['backup', 'unread source']);
    write('never looked at');
    stage.ok('coffre', repository, ['backup', 'unread source', '--ignore-ctime']);
    assert.equal(stage.ok('new', repository, ['dump', 'latest', '/unread source/file']), 'what restic saw');
    // The change time alone tells them apart, and is looked at unless told otherwise.
    write('what is new now');
    stage.ok('coffre', repository, ['backup', 'unread source']);
    assert.equal(stage.ok('new', repository, ['dump', 'latest', '/unread source/file']), 'what is new now');
  });

  test('each of several passwords that restic gave opens, and a removed one does not', () => {
    const repository = join(stage.folder, 'several keys');
    stage.ok('old', repository, ['init']);
    stage.ok('old', repository, ['backup', 'hostile']);
    writeFileSync(join(stage.folder, 'second-password'), 'the second: pässwörd 🦊\n');
    stage.ok('new', repository, ['key', 'add', '--new-password-file', 'second-password', '--user', 'bob']);
    const second = { environment: { RESTIC_PASSWORD: 'the second: pässwörd 🦊' } };
    const keys = JSON.parse(stage.ok('coffre', repository, ['key', 'list', '--json'], second)) as KeyLine[];
    assert.deepEqual(keys.map(({ current, userName }) => `${current} ${userName === 'bob'}`).toSorted(), [
      'false false',
      'true true',
    ]);
    const first = keys.find(({ current }) => !current);
    stage.ok('coffre', repository, ['snapshots']);
    stage.ok('new', repository, ['key', 'remove', first?.id ?? ''], second);
    assert.equal(stage.run('coffre', repository, ['snapshots']).code, 12);
    assert.match(stage.ok('coffre', repository, ['check', '--read-data'], second), /no errors were found/);
  });
});

function byId(snapshots: readonly SnapshotLine[]): SnapshotLine[] {
  return snapshots.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

type Summary = { files_new: number; files_changed: number; files_unmodified: number; data_added: number };
type KeyLine = { id: string; current: boolean; userName: string };

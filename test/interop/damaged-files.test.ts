/** A damaged or strange file of each kind: said by name, with what to do, and never more lost than it held. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { readFacts, type FolderFacts } from './folder-facts.ts';
import { contentsOf, createStage, failureOf, newestIn, skipWithoutBoth, type Stage } from './stage.ts';

type Damage = {
  readonly file: string;
  readonly apply: (path: string) => void;
  /** Error code of a restore, `undefined` when it succeeds. */
  readonly restore: string | undefined;
  readonly check: string;
  /** Names that a restore leaves out. */
  readonly lost?: readonly string[];
};

describe('damage', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  let sound: string;
  let snapshot: string;
  let facts: FolderFacts;

  before(async () => {
    stage = createStage();
    sound = await stage.repository('sound');
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'small'), 'small enough to stay');
    stage.ok('new', sound, ['backup', '-q', 'source']);
    writeFileSync(join(source, 'large'), createSeededRandom(3).bytes(700_000));
    stage.ok('coffre', sound, ['backup', '-q', 'source']);
    snapshot = newestIn(stage, sound).id;
    facts = readFacts(source);
  });
  after(() => stage[Symbol.dispose]());

  let copies = 0;
  function damagedCopy(apply: (path: string) => void): string {
    const path = join(stage.folder, `copy${(copies += 1)}`);
    cpSync(sound, path, { recursive: true });
    apply(path);
    return path;
  }

  test('forgetting a snapshot that cannot be read removes the others that were named, and does not end well', () => {
    const files = readdirSync(join(sound, 'snapshots'));
    const other = files.find((name) => name !== snapshot) ?? '';
    const path = damagedCopy((folder) => {
      const file = join(folder, 'snapshots', snapshot);
      chmodSync(file, 0o600);
      writeFileSync(file, 'garbage');
    });
    const dry = stage.run('coffre', path, ['forget', '--dry-run', snapshot]);
    assert.equal(dry.code, 3);
    const ran = stage.run('coffre', path, ['forget', snapshot, other]);
    assert.equal(ran.code, 3);
    assert.match(
      ran.stderr,
      new RegExp(`cannot read and so did not remove: snapshot ${snapshot}\\n.*SNAPSHOT_NOT_REMOVED`),
    );
    assert.deepEqual(readdirSync(join(path, 'snapshots')), [snapshot]);
    // A script that names a snapshot already forgotten goes on, as with restic.
    stage.ok('coffre', path, ['forget', other]);
  });

  const sizesBelow = (path: string): [string, number][] =>
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry): [string, number] => [
        join(entry.parentPath, entry.name),
        statSync(join(entry.parentPath, entry.name)).size,
      ])
      .toSorted((a, b) => b[1] - a[1]);
  const largestIn = (path: string): string => sizesBelow(path)[0]?.[0] ?? '';
  const change = (path: string, edit: (bytes: Buffer) => Buffer): void => {
    chmodSync(path, 0o600);
    writeFileSync(path, edit(readFileSync(path)));
    chmodSync(path, 0o400);
  };
  const flip =
    (at: (size: number) => number) =>
    (bytes: Buffer): Buffer => {
      const place = at(bytes.length);
      bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
      return bytes;
    };
  const flipped = flip((size) => size >> 1);
  const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1);
  const edits: readonly (readonly [how: string, edit: (bytes: Buffer) => Buffer])[] = [
    ['one bit of', flipped],
    ['half of', cut],
  ];

  const damages: readonly Damage[] = edits.flatMap(([how, edit]): Damage[] => [
    {
      file: `${how} the config`,
      apply: (path) => change(join(path, 'config'), edit),
      restore: 'REPO_CONFIG_DAMAGED',
      check: 'REPO_CONFIG_DAMAGED',
      lost: ['small', 'large'],
    },
    {
      file: `${how} the only key`,
      apply: (path) => change(largestIn(join(path, 'keys')), edit),
      restore: 'REPO_KEY_DAMAGED',
      check: 'REPO_KEY_DAMAGED',
      lost: ['small', 'large'],
    },
    {
      file: `${how} the snapshot`,
      apply: (path) => change(join(path, 'snapshots', snapshot), edit),
      restore: 'REPO_FILE_DAMAGED',
      check: 'REPO_CHECK_FAILED',
      lost: ['small', 'large'],
    },
    {
      file: `${how} a data pack`,
      apply: (path) => change(largestIn(join(path, 'data')), edit),
      restore: 'RESTORE_INCOMPLETE',
      check: 'REPO_CHECK_FAILED',
      lost: ['large'],
    },
  ]);
  const special: readonly Damage[] = [
    {
      file: 'one bit of a pack header',
      apply: (path) =>
        change(
          largestIn(join(path, 'data')),
          flip((size) => size - 20),
        ),
      restore: undefined,
      check: 'REPO_CHECK_FAILED',
    },
    {
      file: 'the length at the end of a pack',
      apply: (path) => change(largestIn(join(path, 'data')), (bytes) => bytes.subarray(0, -4)),
      restore: undefined,
      check: 'REPO_CHECK_FAILED',
    },
    {
      file: 'a pack, which is empty',
      apply: (path) => change(largestIn(join(path, 'data')), () => Buffer.alloc(0)),
      restore: 'RESTORE_INCOMPLETE',
      check: 'REPO_CHECK_FAILED',
      lost: ['large'],
    },
  ];

  for (const { file, apply, restore, check, lost = [] } of [...damages, ...special]) {
    test(`${file}: check and restore say so, and the rest comes back`, () => {
      const repository = damagedCopy(apply);
      const before = contentsOf(repository);
      assert.equal(failureOf(stage.run('coffre', repository, ['check', '--read-data', '--json'])).error_code, check);
      const target = join(stage.folder, `target${copies}`);
      const ran = stage.run('coffre', repository, ['restore', snapshot, '--target', target, '--json']);
      if (restore === undefined) assert.equal(ran.code, 0, ran.stderr);
      else assert.equal(failureOf(ran).error_code, restore);
      assert.ok(ran.code <= 1);
      const found = existsSync(join(target, 'source')) ? readFacts(join(target, 'source')) : {};
      for (const name of ['small', 'large'].filter((each) => !lost.includes(each)))
        assert.deepEqual(found[name], facts[name]);
      assert.deepEqual(contentsOf(repository), before);
      if (restore !== 'RESTORE_INCOMPLETE') return assert.ok(lost.length === 0 || !existsSync(target));

      // What came out wrong is mended once a sound copy is at hand, whatever its time says.
      stage.ok('coffre', sound, ['restore', snapshot, '--target', target, '--overwrite', 'if-changed']);
      assert.deepEqual(readFacts(join(target, 'source')), facts);
    });
  }

  for (const [how, edit] of edits) {
    test(`${how} an index: what only it knew is missed by name, and the next backup saves it again`, () => {
      const repository = damagedCopy((path) => {
        for (const [file] of sizesBelow(join(path, 'index'))) change(file, edit);
      });
      const before = contentsOf(repository);
      assert.equal(failureOf(stage.run('coffre', repository, ['check', '--json'])).error_code, 'REPO_CHECK_FAILED');
      const restored = stage.run('coffre', repository, ['restore', snapshot, '--target', 'no-index', '--json']);
      assert.notEqual(restored.code, 0);
      assert.match(restored.stderr, /index [0-9a-f]{8} is unreadable and left out/);
      assert.ok(['REPO_BLOB_MISSING', 'RESTORE_INCOMPLETE'].includes(failureOf(restored).error_code));
      assert.deepEqual(contentsOf(repository), before);
      stage.ok('coffre', repository, ['backup', 'source']);
      stage.ok('coffre', repository, ['restore', snapshot, '--target', `healed${copies}`]);
      assert.deepEqual(readFacts(join(stage.folder, `healed${copies}`, 'source')), facts);
      stage.ok('new', repository, ['repair', 'index']);
      stage.ok('new', repository, ['check', '--read-data']);
    });
  }

  const garbage: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['nothing', Buffer.alloc(0)],
    ['random bytes', createSeededRandom(8).bytes(300)],
    ['JSON', Buffer.from('{"packs":[],"tree":"x","time":"yesterday","N":1,"exclusive":true}')],
    ['zeros', Buffer.alloc(4096)],
  ];
  for (const kind of ['keys', 'index', 'snapshots', 'locks'] as const) {
    for (const [what, bytes] of garbage) {
      test(`a file of ${what} in ${kind}/ keeps nobody from restoring`, () => {
        const name = createHash('sha256').update(bytes).digest('hex');
        const repository = damagedCopy((path) => writeFileSync(join(path, kind, name), bytes));
        // A key that opens later must be looked for beyond the strange one.
        const target = join(stage.folder, `target${copies}`);
        const ran = stage.run('coffre', repository, ['restore', snapshot, '--target', target]);
        assert.equal(ran.code, 0, ran.stderr);
        assert.deepEqual(readFacts(join(target, 'source')), facts);
        // An empty lock is one that is being written; the first key that opens ends the search; a snapshot that is
        // named in full is loaded without the others.
        const isPassedOver = (kind === 'locks' && bytes.length === 0) || kind === 'keys' || kind === 'snapshots';
        if (!isPassedOver) assert.match(ran.stderr, new RegExp(name.slice(0, 8)));
        if (kind === 'snapshots') {
          const latest = stage.run('coffre', repository, ['restore', 'latest', '--target', `${target}-latest`]);
          assert.equal(latest.code, 0);
          assert.match(latest.stderr, new RegExp(name.slice(0, 8)));
          assert.deepEqual(readFacts(join(`${target}-latest`, 'source')), facts);
        }
        rmSync(target, { recursive: true });
      });
    }
  }

  // What must be alone waits for such a lock and refuses; that is tested where time can be made to pass.
  for (const [how, edit] of edits) {
    test(`${how} a lock: reading goes on with a warning`, () => {
      const lock = createSeededRandom(4).bytes(200);
      const name = createHash('sha256').update(lock).digest('hex');
      const repository = damagedCopy((path) => writeFileSync(join(path, 'locks', name), edit(lock)));
      const before = contentsOf(repository);
      const target = join(stage.folder, `target${copies}`);
      const ran = stage.run('coffre', repository, ['restore', snapshot, '--target', target]);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, new RegExp(name.slice(0, 8)));
      assert.deepEqual(readFacts(join(target, 'source')), facts);
      assert.deepEqual(contentsOf(repository), before);
    });
  }
});

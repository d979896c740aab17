/** What people and machines get wrong: each with its code, what to do, the exit code, and nothing changed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSealer } from '../../packages/repository/src/crypto/seal.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import {
  addSnapshotFile,
  createSampleHost,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { readFacts, type FolderFacts } from './folder-facts.ts';
import {
  contentsOf,
  createStage,
  failureOf,
  isRoot,
  newestIn,
  nobody,
  skipWithoutBoth,
  type RunOptions,
  type Stage,
} from './stage.ts';

const rootOnly = isRoot ? false : 'needs root';

describe('what goes wrong', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  let repository: string;
  let source: string;
  let facts: FolderFacts;

  before(async () => {
    stage = createStage();
    // Somebody without rights has to get as far as what is refused.
    chmodSync(stage.folder, 0o755);
    repository = await stage.repository('repository');
    source = join(stage.folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'small'), 'small');
    writeFileSync(join(source, 'large'), createSeededRandom(3).bytes(3_000_000));
    facts = readFacts(source);
    symlinkSync('/', join(stage.folder, 'to-root'));
    stage.ok('new', repository, ['backup', '-q', 'source']);
  });
  after(() => stage[Symbol.dispose]());

  type Wrong = {
    readonly name: string;
    readonly argv: readonly string[];
    readonly code: string;
    readonly exit: number;
    readonly place?: string;
    readonly options?: RunOptions;
  };
  const wrongs: readonly Wrong[] = [
    {
      name: 'a wrong password',
      argv: ['restore', 'latest', '--target', 't'],
      code: 'REPO_PASSWORD_WRONG',
      exit: 12,
      options: { environment: { RESTIC_PASSWORD: 'wrong' } },
    },
    {
      name: 'a wrong password for a backup',
      argv: ['backup', 'source'],
      code: 'REPO_PASSWORD_WRONG',
      exit: 12,
      options: { environment: { RESTIC_PASSWORD: 'wrong' } },
    },
    {
      name: 'an empty password',
      argv: ['backup', 'source'],
      code: 'REPO_PASSWORD_MISSING',
      exit: 1,
      options: { environment: { RESTIC_PASSWORD: '' } },
    },
    {
      name: 'a place that is not there',
      argv: ['backup', 'source'],
      code: 'REPO_NOT_FOUND',
      exit: 10,
      place: 'not-there',
    },
    {
      name: 'a folder that is no repository',
      argv: ['backup', 'source'],
      code: 'REPO_NOT_FOUND',
      exit: 10,
      place: 'source',
    },
    {
      name: 'a file that is no repository',
      argv: ['backup', 'source'],
      code: 'REPO_NOT_FOUND',
      exit: 10,
      place: 'source/small',
    },
    { name: 'sources that do not exist', argv: ['backup', 'nowhere', 'nor-here'], code: 'SOURCE_MISSING', exit: 1 },
    { name: 'a repository where there is one', argv: ['init'], code: 'REPO_EXISTS', exit: 1 },
    // Dry, all of them, so that a defect here costs nobody a machine.
    ...['/', '//.', '/usr/../', 'to-root', 'to-root/', '../'.repeat(20)].map((target) => ({
      name: `--delete onto the root of the machine as ${target}`,
      argv: ['restore', 'latest', '--target', target, '--delete', '--dry-run'],
      code: 'RESTORE_TARGET_REFUSED',
      exit: 1,
    })),
    {
      name: 'a file as target',
      argv: ['restore', 'latest', '--target', 'source/small'],
      code: 'RESTORE_TARGET_REFUSED',
      exit: 1,
    },
    {
      name: 'an id that nothing has',
      argv: ['restore', 'ffffffff', '--target', 't'],
      code: 'SNAPSHOT_NOT_FOUND',
      exit: 1,
    },
    {
      name: 'a folder that the snapshot does not hold',
      argv: ['restore', 'latest:/nowhere', '--target', 't'],
      code: 'PATH_NOT_IN_SNAPSHOT',
      exit: 1,
    },
  ];
  for (const { name, argv, code, exit, place, options } of wrongs) {
    test(`${name}: ${code}`, () => {
      const before = contentsOf(stage.folder);
      const ran = stage.run('coffre', place ?? repository, [...argv, '--json'], options);
      const failure = failureOf(ran);
      assert.deepEqual([failure.error_code, ran.code], [code, exit], failure.message);
      const plain = stage.run('coffre', place ?? repository, argv, options);
      assert.match(plain.stderr, new RegExp(`^ {2}${code}: .{10,}`, 'm'));
      assert.deepEqual(withoutCaches(contentsOf(stage.folder)), withoutCaches(before));
    });
  }

  test('a repository of a newer version: REPO_VERSION_UNSUPPORTED, whatever is asked', async () => {
    const path = join(stage.folder, 'newer');
    cpSync(repository, path, { recursive: true });
    const host = createSampleHost();
    const opened = await openRepository({ backend: createLocalBackend({ path }), host, password: samplePassword });
    const config = {
      version: 3,
      id: opened.config.id,
      chunker_polynomial: opened.config.chunkerPolynomial.toString(16),
    };
    chmodSync(join(path, 'config'), 0o600);
    writeFileSync(
      join(path, 'config'),
      createSealer(opened.masterKey).seal(Buffer.from(JSON.stringify(config)), host.random),
    );
    const before = contentsOf(path);
    for (const argv of [['snapshots'], ['backup', 'source'], ['check'], ['restore', 'latest', '--target', 't']]) {
      const ran = stage.run('coffre', path, [...argv, '--json']);
      assert.deepEqual([failureOf(ran).error_code, ran.code], ['REPO_VERSION_UNSUPPORTED', 1]);
    }
    assert.notEqual(stage.run('new', path, ['snapshots']).code, 0);
    assert.deepEqual(contentsOf(path), before);
  });

  test('the beginning of several ids: ID_AMBIGUOUS, and none of them is taken', async () => {
    const path = await stage.repository('many');
    const host = createSampleHost();
    const opened = await openRepository({ backend: createLocalBackend({ path }), host, password: samplePassword });
    const tree = newestIn(stage, repository).tree as Parameters<typeof addSnapshotFile>[1]['tree'];
    // Seventeen ids cannot all begin with different digits.
    for (let i = 0; i < 17; i += 1) await addSnapshotFile(opened, { tree, hostname: `host ${i}` });
    const ids = readdirSync(join(path, 'snapshots'));
    const shared =
      Array.from('0123456789abcdef').find((digit) => ids.filter((id) => id.startsWith(digit)).length > 1) ?? '';
    const before = contentsOf(path);
    for (const argv of [
      ['restore', shared, '--target', 't'],
      ['ls', shared],
      ['forget', shared],
      ['backup', 'source', '--parent', shared],
    ]) {
      const ran = stage.run('coffre', path, [...argv, '--json']);
      const refused = argv[0] === 'forget' ? /[0-9a-f]/ : /ID_AMBIGUOUS/;
      assert.match(ran.stderr, refused, argv.join(' '));
      if (argv[0] !== 'forget') assert.deepEqual([failureOf(ran).error_code, ran.code], ['ID_AMBIGUOUS', 1]);
    }
    assert.deepEqual(contentsOf(path), before);
  });

  describe('somebody without rights', { skip: rootOnly }, () => {
    const asNobody: RunOptions = { uid: nobody, environment: { HOME: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' } };

    test('cannot read the repository: BACKEND_DENIED', () => {
      const before = contentsOf(repository);
      for (const argv of [['snapshots'], ['backup', 'source'], ['restore', 'latest', '--target', 't']]) {
        const ran = stage.run('coffre', repository, [...argv, '--json'], asNobody);
        assert.deepEqual([failureOf(ran).error_code, ran.code], ['BACKEND_DENIED', 1]);
      }
      assert.deepEqual(contentsOf(repository), before);
    });

    test('may read and not write the repository: restores with a warning, and saves nothing', () => {
      const path = join(stage.folder, 'readable');
      cpSync(repository, path, { recursive: true });
      spawnSync('chmod', ['-R', 'a+rX', path]);
      const own = join(stage.folder, 'own');
      mkdirSync(own);
      chownSync(own, nobody, nobody);
      const before = contentsOf(path);
      const restored = stage.run('coffre', path, ['restore', 'latest', '--target', join(own, 'target')], asNobody);
      assert.equal(restored.code, 0, restored.stderr);
      assert.match(restored.stderr, /lock/);
      assert.equal(readFacts(join(own, 'target/source'))['large']?.['bytes'], facts['large']?.['bytes']);
      const saved = stage.run('coffre', path, ['backup', 'source', '--json'], asNobody);
      assert.deepEqual([failureOf(saved).error_code, saved.code], ['BACKEND_DENIED', 1]);
      assert.deepEqual(contentsOf(path), before);
    });

    test('cannot read some of the source: SOURCE_INCOMPLETE, and the rest is saved', async () => {
      const path = await stage.repository('by nobody');
      spawnSync('chown', ['-R', `${nobody}:${nobody}`, path]);
      const mixed = join(stage.folder, 'mixed');
      mkdirSync(join(mixed, 'closed'), { recursive: true });
      writeFileSync(join(mixed, 'closed/inside'), 'x');
      writeFileSync(join(mixed, 'secret'), 'x');
      writeFileSync(join(mixed, 'open'), 'open');
      chmodSync(join(mixed, 'secret'), 0o600);
      chmodSync(join(mixed, 'closed'), 0o700);
      const ran = stage.run('coffre', path, ['backup', 'mixed', '--json'], asNobody);
      assert.deepEqual([failureOf(ran).error_code, ran.code], ['SOURCE_INCOMPLETE', 3]);
      for (const name of ['secret', 'closed']) assert.match(ran.stderr, new RegExp(`/mixed/${name}"`));
      assert.equal(stage.ok('new', path, ['dump', 'latest', '/mixed/open']), 'open');
      stage.ok('new', path, ['check', '--read-data']);
    });

    test('cannot write the target: said for it, and nothing appears', () => {
      const path = join(stage.folder, 'readable');
      const closed = join(stage.folder, 'closed-target');
      mkdirSync(closed);
      const ran = stage.run('coffre', path, ['restore', 'latest', '--target', closed, '--json'], asNobody);
      assert.equal(ran.code, 1, ran.stdout);
      assert.ok(['RESTORE_TARGET_REFUSED', 'RESTORE_INCOMPLETE'].includes(failureOf(ran).error_code));
      assert.deepEqual(readdirSync(closed), []);
    });
  });

  describe('a full disk', { skip: rootOnly }, () => {
    function smallDisk(t: TestContext, name: string, sizeMib: number): string | undefined {
      const path = join(stage.folder, name);
      mkdirSync(path);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'coffre-test', path]).status !== 0) {
        t.skip('no file system can be mounted here');
        return undefined;
      }
      t.after(() => void spawnSync('umount', ['-l', path]));
      return path;
    }

    test('under the repository: BACKEND_FULL, what was there stays whole, and with more room it goes on', (t) => {
      const disk = smallDisk(t, 'full repository', 8);
      if (disk === undefined) return;
      const path = join(disk, 'repository');
      cpSync(repository, path, { recursive: true });
      const big = join(stage.folder, 'big');
      mkdirSync(big);
      for (let i = 0; i < 5; i += 1) writeFileSync(join(big, `${i}`), createSeededRandom(20 + i).bytes(3_000_000));
      const earlier = contentsOf(path);
      const ran = stage.run('coffre', path, ['backup', 'big', '--json', '--pack-size', '4']);
      assert.deepEqual([failureOf(ran).error_code, ran.code], ['BACKEND_FULL', 1], ran.stderr);
      const now = contentsOf(path);
      for (const [file, bytes] of earlier) assert.equal(now.get(file), bytes, file);
      const added = [...now.keys()].filter((file) => !earlier.has(file));
      assert.deepEqual(
        added.filter((file) => !/^(data\/..(\/[0-9a-f]{64})?|index\/[0-9a-f]{64})$/.test(file)),
        [],
      );
      stage.ok('new', path, ['check', '--read-data', '--no-lock']);
      stage.ok('coffre', path, ['restore', 'latest', '--no-lock', '--target', 'from-full']);
      assert.deepEqual(readFacts(join(stage.folder, 'from-full/source')), facts);
      assert.equal(spawnSync('mount', ['-o', 'remount,size=40m', disk]).status, 0);
      stage.ok('coffre', path, ['backup', 'big']);
      stage.ok('new', path, ['check', '--read-data']);
    });

    test('under the target: RESTORE_INCOMPLETE, and no file is there that looks whole and is not', (t) => {
      const disk = smallDisk(t, 'full target', 2);
      if (disk === undefined) return;
      const ran = stage.run('coffre', repository, ['restore', 'latest', '--target', disk, '--json']);
      const failure = failureOf(ran);
      assert.deepEqual([failure.error_code, ran.code], ['RESTORE_INCOMPLETE', 1]);
      assert.match(ran.stderr, /ENOSPC|no space|full/i);
      // Which of the files got the last of the room is chance; what is not whole does not have the time of the whole.
      for (const name of ['small', 'large']) {
        const path = join(disk, 'source', name);
        if (!existsSync(path)) continue;
        const isWhole = readFileSync(path).equals(readFileSync(join(stage.folder, 'source', name)));
        const modified: unknown = readFacts(join(disk, 'source'))[name]?.['modified'];
        assert.equal(modified === facts[name]?.['modified'], isWhole, name);
      }
      assert.equal(spawnSync('mount', ['-o', 'remount,size=40m', disk]).status, 0);
      stage.ok('coffre', repository, ['restore', 'latest', '--target', disk, '--overwrite', 'if-changed']);
      assert.deepEqual(readFacts(join(disk, 'source')), facts);
    });
  });
});

/** Caches are made when a repository opens; only what is ours to keep counts. */
function withoutCaches(contents: Map<string, string>): string[] {
  return [...contents].filter(([path]) => !/^(cache|compiled)/.test(path)).map(([path, facts]) => `${path} ${facts}`);
}

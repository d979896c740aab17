/** What we change, restic reads; what restic rewrites, we rewrite to the same trees; what is damaged, both find. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { newestFirst } from '../../packages/repository/src/browse/select.ts';
import { sha256Hex } from '../../packages/repository/src/crypto/hash.ts';
import { check } from '../../packages/repository/src/maintain/check.ts';
import type { FindingKind } from '../../packages/repository/src/maintain/check-findings.ts';
import { addKey, changePassword } from '../../packages/repository/src/maintain/keys.ts';
import { recover } from '../../packages/repository/src/maintain/recover.ts';
import { rewriteSnapshots, type RewriteOptions } from '../../packages/repository/src/maintain/rewrite.ts';
import { tagSnapshots } from '../../packages/repository/src/maintain/tag.ts';
import { openRepository, type Repository } from '../../packages/repository/src/repository.ts';
import { compilePatterns } from '../../packages/repository/src/select/patterns.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findNewRestic, findOldRestic } from '../peers/peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';

const restic = findNewRestic();
const old = findOldRestic();
const skip = restic === undefined ? 'restic 0.19 is not here' : false;

const folder = temporaryFolder();
const source = join(folder.path, 'source');
const original = join(folder.path, 'original');

function ask(path: string, ...argv: string[]): string {
  const run = runRestic(restic!.path, path, argv, { TZ: 'UTC' });
  assert.equal(run.exitCode, 0, `restic ${argv.join(' ')}: ${run.stderr}`);
  return run.stdout;
}

type ResticSnapshot = {
  id: string;
  tree: string;
  tags?: string[];
  hostname: string;
  original?: string;
  paths: string[];
};

function snapshotsIn(path: string): ResticSnapshot[] {
  return JSON.parse(ask(path, 'snapshots', '--json')) as ResticSnapshot[];
}

function allIsWell(path: string): void {
  ask(path, 'check', '--read-data');
  if (old !== undefined) assert.equal(runRestic(old.path, path, ['check', '--read-data']).exitCode, 0);
}

let copies = 0;
function copyOfOriginal(): string {
  copies += 1;
  const path = join(folder.path, `copy${copies}`);
  cpSync(original, path, { recursive: true });
  return path;
}

async function opened(path: string): Promise<Repository> {
  const host = createSampleHost({ isHasty: true });
  return openRepository({ backend: createLocalBackend({ path }), host, password: samplePassword });
}

describe('maintenance beside restic', { skip }, () => {
  before(async () => {
    const { repository } = await createSampleRepository({ backend: createLocalBackend({ path: original }) });
    await repository[Symbol.asyncDispose]();
    mkdirSync(join(source, 'docs/logs'), { recursive: true });
    writeFileSync(join(source, 'docs/readme.md'), 'read me');
    writeFileSync(join(source, 'docs/logs/a.log'), 'log');
    writeFileSync(join(source, 'docs/logs/ünï"\\.log'), 'odd');
    writeFileSync(join(source, 'random'), createSeededRandom(3).bytes(900_000));
    symlinkSync('nowhere', join(source, 'link'));
    execFileSync('mkfifo', [join(source, 'queue')]);
    ask(original, 'backup', '--quiet', '--tag', 'one', source);
    writeFileSync(join(source, 'docs/second.md'), 'more');
    ask(original, 'backup', '--quiet', '--host', 'other', source);
  });
  after(() => folder[Symbol.dispose]());

  test('restic sees the tags we set, the first id as original, and a sound repository', async () => {
    const path = copyOfOriginal();
    await using repository = await opened(path);
    const untagged = await repository.listSnapshots();
    const change = { kind: 'change', add: ['nightly'], remove: ['one'] } as const;
    assert.equal(await tagSnapshots(repository, untagged, change, () => undefined), 2);
    const theirs = snapshotsIn(path);
    assert.deepEqual(
      theirs.map(({ tags }) => tags),
      [['nightly'], ['nightly']],
    );
    assert.deepEqual(theirs.map(({ original: first = '' }) => first).sort(), untagged.map(({ id }) => id).sort());
    allIsWell(path);
  });

  test('a rewrite gives the trees that restic’s rewrite gives', async () => {
    const cases: { argv: string[]; options: RewriteOptions }[] = [
      { argv: ['--exclude', '*.log'], options: { excludes: compilePatterns(['*.log']) } },
      { argv: ['--iexclude', 'README*'], options: { excludes: compilePatterns(['README*'], { ignoreCase: true }) } },
      { argv: ['--exclude', 'docs'], options: { excludes: compilePatterns(['docs']) } },
      {
        argv: ['--include', 'logs', '--include', 'random'],
        options: { includes: compilePatterns(['logs', 'random']) },
      },
      { argv: ['--include', `${source}/docs/*.md`], options: { includes: compilePatterns([`${source}/docs/*.md`]) } },
      { argv: ['--new-host', 'renamed'], options: { newHost: 'renamed' } },
    ];
    for (const { argv, options } of cases) {
      for (const forget of [true, false]) {
        const [theirPath, ourPath] = [copyOfOriginal(), copyOfOriginal()];
        ask(theirPath, 'rewrite', ...argv, ...(forget ? ['--forget'] : []));
        await using repository = await opened(ourPath);
        const snapshots = newestFirst(await repository.listSnapshots());
        await rewriteSnapshots(await repository.loadIndex(), snapshots, { ...options, forget }, () => undefined);
        const said = (all: ResticSnapshot[]): string[] =>
          all
            .map(({ tree, tags = [], hostname, original: from = '' }) => [tree, hostname, from, ...tags].join(' '))
            .sort();
        assert.deepEqual(said(snapshotsIn(ourPath)), said(snapshotsIn(theirPath)), argv.join(' '));
        if (forget) allIsWell(ourPath);
      }
    }
  });

  test('restic lists what we recovered', async () => {
    const path = copyOfOriginal();
    const [gone, stays] = snapshotsIn(path) as [ResticSnapshot, ResticSnapshot];
    ask(path, 'forget', gone.id);
    await using repository = await opened(path);
    const { roots, snapshotId } = await recover(await repository.loadIndex(), 'coffre test', () => undefined);
    assert.deepEqual(roots, [gone.tree]);
    const listed = ask(path, 'ls', snapshotId!, `/${gone.tree.slice(0, 8)}`, '--recursive');
    assert.match(listed, /readme\.md/);
    assert.deepEqual(
      snapshotsIn(path)
        .map(({ id }) => id)
        .sort(),
      [stays.id, snapshotId ?? ''].sort(),
    );
    allIsWell(path);
  });

  test('restic opens with the passwords we add and change, and not with the one we changed', async () => {
    const path = copyOfOriginal();
    await using repository = await opened(path);
    await addKey(repository, { password: 'second', username: 'bob', hostname: 'laptop' });
    const switched = await changePassword(repository, { password: 'third' });
    assert.equal(runRestic(restic!.path, path, ['snapshots']).exitCode, 12);
    for (const password of ['second', 'third']) {
      const run = runRestic(restic!.path, path, ['key', 'list', '--json'], { RESTIC_PASSWORD: password });
      assert.equal(run.exitCode, 0, run.stderr);
      const keys = JSON.parse(run.stdout) as { current: boolean; id: string; userName: string }[];
      assert.deepEqual(keys.map(({ userName }) => userName).sort(), ['ann', 'bob']);
      assert.equal(keys.find(({ current }) => current)?.id === switched.keyId, password === 'third');
    }
  });

  type Damage = { name: string; kinds: FindingKind[]; hasErrors: boolean; readonly apply: (path: string) => void };

  const filesOf = (path: string, kind: string): string[] =>
    readdirSync(join(path, kind), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort((a, b) => readFileSync(b).byteLength - readFileSync(a).byteLength || (a < b ? -1 : 1));
  const largest = (path: string, kind: string): string => filesOf(path, kind)[0]!;
  const flip = (file: string, at: number): void => {
    chmodSync(file, 0o600);
    const bytes = readFileSync(file);
    bytes[at < 0 ? bytes.byteLength + at : at]! ^= 1;
    writeFileSync(file, bytes);
  };

  const damages: Damage[] = [
    { name: 'nothing', kinds: [], hasErrors: false, apply: () => undefined },
    {
      name: 'a bit of a data pack',
      kinds: ['pack-damaged'],
      hasErrors: true,
      apply: (path) => flip(largest(path, 'data'), 5000),
    },
    {
      name: 'a bit of a pack header',
      kinds: ['pack-damaged'],
      hasErrors: true,
      apply: (path) => flip(largest(path, 'data'), -20),
    },
    {
      name: 'the end of a pack',
      kinds: ['pack-size', 'pack-damaged'],
      hasErrors: true,
      apply: (path) => shorten(largest(path, 'data')),
    },
    {
      name: 'a missing pack',
      kinds: ['pack-missing'],
      hasErrors: true,
      apply: (path) => rmSync(largest(path, 'data'), { force: true }),
    },
    {
      name: 'a bit of an index',
      kinds: ['index-unreadable'],
      hasErrors: true,
      apply: (path) => flip(largest(path, 'index'), 100),
    },
    {
      name: 'a bit of a snapshot',
      kinds: ['snapshot-unreadable'],
      hasErrors: true,
      apply: (path) => flip(largest(path, 'snapshots'), 100),
    },
    { name: 'an unindexed pack', kinds: ['pack-unindexed'], hasErrors: false, apply: (path) => addPack(path) },
  ];

  function shorten(file: string): void {
    chmodSync(file, 0o600);
    truncateSync(file, readFileSync(file).byteLength - 3);
  }

  function addPack(path: string): void {
    const bytes = Buffer.from('no pack at all');
    const name = sha256Hex(bytes);
    mkdirSync(join(path, 'data', name.slice(0, 2)), { recursive: true });
    writeFileSync(join(path, 'data', name.slice(0, 2), name), bytes);
  }

  for (const { name, kinds, hasErrors, apply } of damages) {
    test(`both checks agree about ${name}`, async () => {
      const path = copyOfOriginal();
      apply(path);
      const theirs = runRestic(restic!.path, path, ['check', '--read-data', '--json']);
      const found = new Set<FindingKind>();
      await using repository = await opened(path);
      const result = await check(repository, { readData: { kind: 'all' } }, (event) => {
        if (event.kind === 'finding') found.add(event.finding.kind);
      });
      assert.equal(theirs.exitCode, hasErrors ? 1 : 0, theirs.stderr);
      assert.equal(result.errors > 0, hasErrors);
      for (const kind of kinds) assert.ok(found.has(kind), `${kind} in ${[...found].join(', ')}`);
      if (kinds.length === 0) assert.equal(found.size, 0);
      const summary = JSON.parse(theirs.stdout.trim().split('\n').at(-1)!) as { broken_packs: string[] | null };
      // Restic reads a pack that it knows to be gone, and does not go on after an unreadable index.
      if (!['pack-missing', 'index-unreadable'].includes(kinds[0] ?? '')) {
        assert.deepEqual(result.brokenPacks, [...(summary.broken_packs ?? [])].sort());
      }
    });
  }
});

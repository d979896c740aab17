/** The figures of a restore, beside those that restic gives for the same target. */
import assert from 'node:assert/strict';
import { cpSync, linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, after, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { toByteString } from '../../packages/repository/src/format/bytestring.ts';
import type { BlobId } from '../../packages/repository/src/ids.ts';
import type { IndexedRepository } from '../../packages/repository/src/index/indexed-repository.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import type { RestoreOptions } from '../../packages/repository/src/restore/options.ts';
import { zeroRestoreCounters, type RestoreCounters } from '../../packages/repository/src/restore/report.ts';
import { restore } from '../../packages/repository/src/restore/restore.ts';
import { excluding, including } from '../../packages/repository/src/restore/selection.ts';
import { compilePatterns } from '../../packages/repository/src/select/patterns.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { findNewRestic } from '../peers/peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';

const restic = findNewRestic();
const skip = restic === undefined ? 'restic 0.19 is not here' : false;

const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());
const repositoryPath = join(folder.path, 'repository');
const source = join(folder.path, 'source');
const target = join(folder.path, 'target');
let indexed: IndexedRepository;
let tree: BlobId;

before(async () => {
  if (restic === undefined) return;
  mkdirSync(join(source, 'a/b'), { recursive: true });
  mkdirSync(join(source, 'empty'));
  writeFileSync(join(source, 'a/text'), 'some text');
  writeFileSync(join(source, 'a/b/large'), Buffer.alloc(3_000_000, 'pattern of bytes '));
  writeFileSync(join(source, 'a/b/nothing'), '');
  linkSync(join(source, 'a/text'), join(source, 'a/b/text again'));
  symlinkSync('a/text', join(source, 'link'));
  await createSampleRepository({ backend: createLocalBackend({ path: repositoryPath }) });
  const saved = runRestic(restic.path, repositoryPath, ['backup', '--quiet', source]);
  assert.equal(saved.exitCode, 0, saved.stderr);
  const repository = await openRepository({
    backend: createLocalBackend({ path: repositoryPath }),
    host: createSampleHost(),
    password: samplePassword,
  });
  indexed = await repository.loadIndex();
  const [found] = await repository.listSnapshots();
  assert.ok(found !== undefined);
  tree = found.snapshot.tree;
});

/** A target in which something is right, something wrong, and something too much. */
function layTarget(): void {
  rmSync(target, { recursive: true, force: true });
  cpSync(source, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  writeFileSync(join(target, 'a/text'), 'SOME text');
  writeFileSync(join(target, 'a/b/large'), Buffer.alloc(3_000_000, 'pattern of bytes!'));
  utimesSync(join(target, 'a/b/large'), 1_600_000_000, 1_600_000_000);
  mkdirSync(join(target, 'extra/deep'), { recursive: true });
  writeFileSync(join(target, 'extra/deep/file'), 'x');
  writeFileSync(join(target, 'a/stray'), 'x');
}

type Figures = Record<string, number>;

function figuresOf(counters: RestoreCounters): Figures {
  return {
    total_files: counters.filesTotal,
    files_restored: counters.filesRestored,
    files_skipped: counters.filesSkipped,
    files_deleted: counters.filesDeleted,
    total_bytes: counters.bytesTotal,
    bytes_restored: counters.bytesRestored,
    bytes_skipped: counters.bytesSkipped,
  };
}

function resticFigures(argv: readonly string[]): Figures {
  assert.ok(restic !== undefined);
  const run = runRestic(restic.path, repositoryPath, [
    'restore',
    `latest:${source}`,
    '--json',
    '--target',
    target,
    ...argv,
  ]);
  assert.equal(run.exitCode, 0, run.stderr);
  const summary = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  return Object.fromEntries(Object.keys(figuresOf(zeroRestoreCounters())).map((key) => [key, summary[key] ?? 0]));
}

async function ourFigures(options: Partial<RestoreOptions>): Promise<Figures> {
  const { counters } = await restore(indexed, {
    tree,
    subPath: toByteString(source),
    target: toByteString(target),
    ...options,
  });
  return figuresOf(counters);
}

const cases: [string, string[], Partial<RestoreOptions>][] = [
  ['everything', [], {}],
  ['only what changed', ['--overwrite', 'if-changed'], { overwrite: 'if-changed' }],
  ['only what is newer', ['--overwrite', 'if-newer'], { overwrite: 'if-newer' }],
  ['nothing that exists', ['--overwrite', 'never'], { overwrite: 'never' }],
  ['everything, deleting the rest', ['--delete'], { delete: true }],
  ['a rehearsal with deletion', ['--delete', '--dry-run'], { delete: true, dryRun: true }],
  ['one folder', ['--include', '/a/b'], { selection: including(compilePatterns(['/a/b'])) }],
  ['without one file', ['--exclude', 'large'], { selection: excluding(compilePatterns(['large'])) }],
];

for (const [name, argv, options] of cases) {
  for (const [place, lay] of [
    ['an empty target', () => rmSync(target, { recursive: true, force: true })],
    ['a target with something in it', layTarget],
  ] as const) {
    test(`restoring ${name} into ${place} counts as restic does`, { skip }, async () => {
      lay();
      const theirs = resticFigures(argv);
      lay();
      const ours = await ourFigures(options);
      assert.deepEqual(ours, theirs);
    });
  }
}

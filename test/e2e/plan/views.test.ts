/** Full, incremental and differential: bytes that are known, asked of the program, and the same diff of the real restic. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findRestic, skipWithout } from '../../peers.ts';
import { createScene } from '../named/scene.ts';

const restic = findRestic('newest');
const kib = 1024;
/** Manifests, hashes and folders that are saved with every backup. */
const beside = 16 * kib;

type View = {
  readonly view: string;
  readonly since: string | null;
  readonly bytes: number;
  readonly estimate_s: number;
};
type Diff = {
  readonly source_snapshot: string;
  readonly added: { readonly files: number; readonly bytes: number };
  readonly target: { readonly id: string; readonly type: string };
  readonly bytes_read: number;
  readonly bytes_new: number;
  readonly restore: { readonly basis: string; readonly views: readonly View[] };
};
type Part = {
  readonly source?: string;
  readonly snapshot?: string;
  readonly figures: Readonly<Record<string, number>>;
};
type Amount = {
  readonly item: string;
  readonly read_bytes: number;
  readonly new_bytes: number;
  readonly restore: Readonly<Record<string, unknown>>;
};

function isAbout(actual: number, expected: number, more = beside): void {
  assert.ok(actual >= expected && actual <= expected + more, `${actual} is not about ${expected}`);
}

test(
  'what is read, new and stored is said by diff, run, list and report, with what a restore would take',
  { skip: skipWithout(restic, 'restic 0.19') },
  async (t) => {
    const scene = createScene(t);
    await scene.prepare();
    const put = (name: string, sizeKib: number): void =>
      writeFileSync(join(scene.uploads, name), randomBytes(sizeKib * kib));
    const lines = (...words: string[]): Record<string, unknown>[] =>
      scene
        .good(...words, '--json')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const run = (...words: string[]): Part => {
      const { parts } = lines('run', 'nightly', '--foreground', ...words).at(-1) as unknown as {
        parts: readonly Part[];
      };
      return parts.find(({ source, snapshot }) => source === 'lyon/uploads' && snapshot !== undefined)!;
    };
    const repository = ['-r', join(scene.folder, 'local'), '--password-command', 'printenv REPO_KEY'];
    const diff = (...words: string[]): Diff => lines(...repository, 'diff', ...words).at(-1) as unknown as Diff;

    const today = (): Temporal.PlainDate => Temporal.Now.plainDateISO('Europe/Paris');
    const day = today();
    put('all', 600);
    const full = run();
    put('one', 200);
    const first = run();
    put('two', 100);
    const second = run('--type', 'differential');
    isAbout(second.figures['bytes_read']!, 100 * kib);
    isAbout(second.figures['bytes_new']!, 100 * kib);
    isAbout(second.figures['bytes_stored']!, 100 * kib);
    isAbout(second.figures['bytes_since_full']!, 300 * kib);

    const sinceFull = diff('--since', 'full', second.snapshot!);
    assert.equal(sinceFull.source_snapshot, full.snapshot);
    assert.deepEqual([sinceFull.target.type, sinceFull.added.files], ['incremental', 2]);
    isAbout(sinceFull.added.bytes, 300 * kib);
    isAbout(sinceFull.bytes_read, 100 * kib);
    isAbout(sinceFull.bytes_new, 100 * kib);
    const { basis, views } = sinceFull.restore;
    assert.equal(basis, 'assumed');
    assert.deepEqual(
      views.map(({ view, since }) => [view, since]),
      [
        ['full', null],
        ['differential', full.snapshot],
        ['incremental', first.snapshot],
      ],
    );
    for (const [index, size] of [900, 300, 100].entries()) isAbout(views[index]!.bytes, size * kib);
    for (const { bytes, estimate_s } of views)
      assert.equal(estimate_s, Math.ceil((bytes / (25 * kib * kib)) * 1000) / 1000);
    const folder = diff('--since', 'full', `${second.snapshot}:${scene.uploads}`);
    assert.equal(folder.source_snapshot, `${full.snapshot}:${scene.uploads}`);
    assert.equal(folder.added.files, 2);
    assert.equal(diff('--since', 'last', second.snapshot!).source_snapshot, first.snapshot);

    const again = run('--force');
    isAbout(again.figures['bytes_read']!, 900 * kib);
    isAbout(again.figures['bytes_stored']!, 0);
    assert.equal(diff('--since', 'full', again.snapshot!).target.type, 'full');
    assert.equal(diff('--since', 'full', again.snapshot!).source_snapshot, again.snapshot);

    // A copy has no parent; its tag still says which backup read everything.
    const copied = lines(
      '-r',
      join(scene.folder, 'offsite'),
      '--password-command',
      'printenv REPO_KEY',
      'snapshots',
    ).flat() as { id: string; original?: string }[];
    const copyOf = (id: string | undefined): string => copied.find(({ original }) => original === id)!.id;
    const offsite = ['-r', join(scene.folder, 'offsite'), '--password-command', 'printenv REPO_KEY'];
    const there = lines(...offsite, 'diff', '--since', 'full', copyOf(second.snapshot)).at(-1) as unknown as Diff;
    assert.equal(there.source_snapshot, copyOf(full.snapshot));

    const argv = [...repository, '--no-lock', 'diff', full.snapshot!, second.snapshot!];
    const ours = scene.good(...argv);
    const theirs = spawnSync(restic!.path, argv, {
      env: { ...scene.environment },
      encoding: 'utf8',
    }).stdout;
    assert.ok(theirs.includes('Added:'), theirs);
    assert.equal(ours, theirs);
    assert.match(scene.good(...argv, '--verbose'), /differential +[0-9a-f]{8} of .* 30\d\.\d+ KiB +under 1 s/);

    const { backups } = scene.json('backup', 'list', '--from', 'local') as {
      backups: readonly { read: number; new: number }[];
    };
    // With the database of the same run.
    for (const amount of [backups[1]!.read, backups[1]!.new]) isAbout(amount, 100 * kib, 2 * beside);
    // The runs may lie on both sides of midnight.
    const days = new Set([today(), day].map(String));
    const amounts = [...days].flatMap((at) => {
      const report = scene.json('report', 'daily', '--at', at) as { amounts: readonly Amount[] };
      return report.amounts.filter(({ item }) => item === 'lyon/uploads');
    });
    const sum = (pick: (amount: Amount) => number): number => amounts.reduce((all, one) => all + pick(one), 0);
    assert.equal(
      sum((one) => one.read_bytes),
      [full, first, second, again].reduce((all, { figures }) => all + figures['bytes_read']!, 0),
    );
    assert.equal(
      sum((one) => one.new_bytes),
      [full, first, second, again].reduce((all, { figures }) => all + figures['bytes_new']!, 0),
    );
    assert.equal(amounts[0]?.restore['measured'], false);

    scene.good('restore', '--latest', '--source', 'lyon/uploads', '--target', join(scene.folder, 'out'));
    assert.equal(diff('--since', 'full', second.snapshot!).restore.basis, 'restored');
  },
);

test('what there is to compare with is said where there is no full read, and other words are refused', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('run', 'nightly', '--foreground');
  const repository = ['-r', join(scene.folder, 'local'), '--password-command', 'printenv REPO_KEY'];
  const first = scene.run(...repository, 'diff', '--since', 'last', 'latest');
  assert.equal(first.status, 1);
  assert.match(first.stderr, /no backup before [0-9a-f]{8} is left of the same source/);
  assert.match(scene.run(...repository, 'diff', '--since', 'monday').stderr, /--since/);
  assert.match(
    scene.run(...repository, 'diff', '--since', 'full', 'latest', 'latest').stderr,
    /--since goes with one snapshot/,
  );
  assert.match(
    scene.run('run', 'nightly', '--force', '--type', 'incremental').stderr,
    /does not go with reading everything/,
  );
});

/** `coffre start` as a newcomer runs it, and restic's opinion of what it made. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findNewRestic, findOldRestic } from '../peers/peers.ts';
import { launcher } from '../program.ts';

type Ran = { status: number | null; out: string; err: string };

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-start-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(cwd: string, ...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(launcher, ['start', ...args], {
    cwd,
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, out: stdout, err: stderr };
}

/** `--json`: the messages by step, `summary` the last. */
function messages({ out }: Ran): Map<string, Record<string, unknown>> {
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return new Map(lines.map((line) => [String(line['step'] ?? line['message_type']), line]));
}

test('the first minute: an application is made, saved while it is written, verified, restored and compared', (t) => {
  const folder = scratch(t);
  const first = start(folder);
  assert.equal(first.status, 0, first.err);
  assert.equal(first.err, '');
  for (const line of [
    /^Application +coffre-demo\/app \(made just now\)$/m,
    /^Copied +\d+\.\d\d s +database: \d+ rows in 4 tables/m,
    /^Backed up +\d+\.\d\d s +507 files, .* stored as snapshot [0-9a-f]{8}$/m,
    /^Verified +\d+\.\d\d s +\d+ packs?, .* no damage$/m,
    /^Restored +\d+\.\d\d s /m,
    /^Compared +\d+\.\d\d s +507 files, .*: the same bytes/m,
    /^Queried +\d+\.\d\d s +database: intact, \d+ rows/m,
    /^Everything came back\. Restore time, measured: \d+\.\d\d s for /m,
  ]) {
    assert.match(first.out, line);
  }
  assert.equal(
    first.out
      .trim()
      .split('\n')
      .slice(-3)
      .filter((line) => /^ {2}npx coffre /.test(line)).length,
    3,
  );
  assert.equal(statSync(join(folder, 'coffre-demo/password')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['coffre-demo']);

  const again = start(folder);
  assert.equal(again.status, 0, again.err);
  assert.match(again.out, /^Backed up .* 508 files, 1 new, 2 changed, /m);
  assert.match(again.out, /everything else was in the repository already/);

  for (const restic of [findOldRestic(), findNewRestic()]) {
    if (restic === undefined) continue;
    const args = ['-r', 'coffre-demo/repository', '--password-file', 'coffre-demo/password', '--no-cache'];
    execFileSync(restic.path, [...args, 'check', '--read-data'], { cwd: folder, stdio: 'pipe' });
    const snapshots: unknown = JSON.parse(
      execFileSync(restic.path, [...args, 'snapshots', '--json'], { cwd: folder, encoding: 'utf8' }),
    );
    assert.ok(Array.isArray(snapshots) && snapshots.length === 2, restic.version);
  }
});

test('folders of the user are only read, and the trial never swallows its own folder', (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'mine/deep'), { recursive: true });
  writeFileSync(join(folder, 'mine/deep/letter.txt'), 'dear reader\n'.repeat(1000));
  symlinkSync('deep/letter.txt', join(folder, 'mine/link'));
  const before = statSync(join(folder, 'mine/deep/letter.txt'));
  // Twice: the second run finds the trial's folder inside what it backs up.
  for (const _round of [1, 2]) {
    const ran = start(folder, '--json', '.');
    assert.equal(ran.status, 0, ran.err);
    const steps = messages(ran);
    assert.equal(steps.get('compared')?.['files'], 1);
    assert.equal(steps.get('compared')?.['others'], 1);
    assert.equal(steps.get('summary')?.['differences'], 0);
    assert.ok(!existsSync(join(folder, 'coffre-demo/restored')), 'the restored copy is removed again');
  }
  const after = statSync(join(folder, 'mine/deep/letter.txt'));
  assert.deepEqual([after.mtimeMs, after.ctimeMs, after.ino], [before.mtimeMs, before.ctimeMs, before.ino]);
});

test('a folder that is not ours is refused and left as it was', (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'coffre-demo'));
  writeFileSync(join(folder, 'coffre-demo/precious'), 'do not touch');
  const ran = start(folder);
  assert.equal(ran.status, 1);
  assert.match(
    ran.err,
    /coffre-demo exists and was not made by coffre start\n {2}TRIAL_FOLDER_REFUSED: Name another folder with --folder/,
  );
  assert.deepEqual(readdirSync(join(folder, 'coffre-demo')), ['precious']);
});

test('paths that cannot be tried are refused with code and hint', (t) => {
  const folder = scratch(t);
  const missing = start(folder, 'nothing here');
  assert.equal(missing.status, 1);
  assert.match(missing.err, /nothing here does not exist\n {2}SOURCE_MISSING: /);
  const inside = start(folder, 'coffre-demo/repository');
  assert.match(inside.err, /lies in the folder of the trial itself\n {2}USAGE: /);
  const nowhere = start(folder, '--folder', '/proc/nowhere');
  assert.match(nowhere.err, /\/proc\/nowhere cannot be made: .*\n {2}TRIAL_FOLDER_REFUSED: /);
});

test(
  'what nobody may read is named, counted and ends in exit code 3',
  { skip: process.getuid?.() === 0 ? false : 'needs root to become somebody else' },
  (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'mine'));
    writeFileSync(join(folder, 'mine/open'), 'open');
    writeFileSync(join(folder, 'mine/secret'), 'secret', { mode: 0 });
    execFileSync('chmod', ['777', folder]);
    const asNobody = { encoding: 'utf8', uid: 65_534, gid: 65_534, env: { PATH: '/usr/bin:/bin' } } as const;
    if (spawnSync(launcher, ['version'], asNobody).status !== 0) {
      t.skip('this checkout lies where other users cannot enter');
      return;
    }
    const { status, stdout, stderr } = spawnSync(launcher, ['start', 'mine'], { ...asNobody, cwd: folder });
    assert.equal(status, 3, stderr);
    assert.match(stdout, /1 entry could not be read: .*\/mine\/secret$/m);
    assert.match(stderr, /SOURCE_INCOMPLETE/);
  },
);

test('an interrupted trial leaves no process behind, and the next one succeeds', async (t) => {
  const folder = scratch(t);
  const child = spawn(launcher, ['start'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('Copied')) resolve();
    });
  });
  process.kill(-(child.pid ?? 0), 'SIGINT');
  assert.equal(await ended, 130);
  // The test's own limit is the only end.
  while (writersIn(folder) > 0) await sleep(100);
  const again = start(folder);
  assert.equal(again.status, 0, again.err);
});

/** Processes whose command line names the folder. */
function writersIn(folder: string): number {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  }).length;
}

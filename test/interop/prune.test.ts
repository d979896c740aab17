/** The same repository pruned by both: the same figures, and what one leaves the other goes on with. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { systemClock, systemRandom } from '../../packages/repository/src/host/system.ts';
import { acquireLock } from '../../packages/repository/src/lock/lock.ts';
import { check as runCheck } from '../../packages/repository/src/maintain/check.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import { runPrune } from '../../packages/repository/src/testing/prune-yard.ts';
import { createSampleHost, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom, type SeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { createWorld, restic, type Run, type World } from './cli-programs.ts';
import { runRestic } from './restic.ts';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';
import { nodeArguments } from '../program.ts';

const old = findRestic('debian');

/** Files that come, change and go, so that every later backup leaves something unused behind. */
function change(source: string, random: SeededRandom): void {
  mkdirSync(source, { recursive: true });
  for (const name of readdirSync(source)) {
    if (random.chance(0.3)) rmSync(join(source, name), { recursive: true });
  }
  for (let n = 0; n < 6; n++)
    writeFileSync(join(source, `large-${random.integer(20)}`), random.bytes(random.integer(900_000)));
  const folder = join(source, `folder-${random.integer(4)}`);
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < 12; n++)
    writeFileSync(join(folder, `small-${random.integer(40)}`), random.bytes(random.integer(4000)));
  writeFileSync(join(source, 'text'), `line of text ${random.integer(9)}\n`.repeat(20_000));
}

function succeeds(run: Run, what: string): string {
  assert.equal(run.code, 0, `${what}: ${run.stdout}${run.stderr}`);
  return run.stdout;
}

function assertSound(world: World, repository: string, what: string): void {
  const environment = { RESTIC_REPOSITORY: repository, RESTIC_CACHE_DIR: `${repository}-cache` };
  succeeds(world.restic(['check', '--read-data'], { environment }), `restic check after ${what}`);
  succeeds(world.coffre(['check'], { environment }), `coffre check after ${what}`);
}

/** Without times, and without what is not yet compressed: restic counts packs that go as well. */
function figures(stdout: string): string[] {
  const lines = stdout.split('\n').slice(stdout.split('\n').findIndex((line) => line.startsWith('used:')));
  return lines.filter((line) => /^(?!not yet|Repeated|Would|\{).+/.test(line)).filter((line) => /^[a-z ]+:/.test(line));
}

describe('prune beside the real restic', { skip: skipWithout(restic, 'restic 0.19') }, () => {
  for (const version of [2, 1]) {
    test(`the plan has the figures of restic in version ${version}`, async () => {
      using world = await createWorld();
      const repository = join(world.folder, 'other');
      const environment = { RESTIC_REPOSITORY: repository };
      succeeds(world.restic(['init', '--repository-version', String(version)], { environment }), 'init');
      await quicken(repository);
      const random = createSeededRandom(version);
      for (let n = 0; n < 5; n++) {
        change(world.source, random);
        succeeds(world.restic(['backup', '--pack-size', '4', world.source], { environment }), 'backup');
      }
      succeeds(world.restic(['forget', '--keep-last', '2'], { environment }), 'forget');
      for (const options of [
        [],
        ['--max-unused', '0'],
        ['--max-unused', '20%'],
        ['--max-unused', '1M'],
        ['--max-unused', 'unlimited'],
        ['--max-unused', '0', '--max-repack-size', '5M'],
        ['--repack-cacheable-only'],
        ['--repack-smaller-than', '4M'],
        ...(version === 2 ? [['--repack-uncompressed']] : []),
      ]) {
        const theirs = succeeds(world.restic(['prune', '-n', '-v', ...options], { environment }), options.join(' '));
        const ours = succeeds(world.coffre(['prune', '-n', '-v', ...options], { environment }), options.join(' '));
        assert.ok(figures(theirs).length > 12, theirs);
        assert.deepEqual(figures(ours), figures(theirs), options.join(' '));
      }
      // What both then do has the same size.
      const twin = join(world.folder, 'twin');
      world.shell(`cp -r ${repository} ${twin}`);
      succeeds(world.coffre(['prune', '--instant-delete'], { environment }), 'prune');
      succeeds(world.restic(['prune'], { environment: { RESTIC_REPOSITORY: twin } }), 'restic prune');
      assertSound(world, repository, 'coffre prune');
      const rawBytes = (path: string): number =>
        Number(world.shell(`find ${path}/data -type f -printf '%s\\n' | awk '{s+=$1} END {print s}'`).stdout);
      const ratio = rawBytes(repository) / rawBytes(twin);
      assert.ok(ratio > 0.98 && ratio < 1.02, `${ratio}`);
    });
  }

  test('pruned in turn by both, every snapshot stays whole', async () => {
    using world = await createWorld();
    const random = createSeededRandom(3);
    const prunes: readonly (readonly ['coffre' | 'restic', ...string[]])[] = [
      ['coffre', 'prune'],
      ['restic', 'prune'],
      ['coffre', 'prune', '--instant-delete', '--max-unused', '0'],
      ['coffre', 'prune', '--grace', '0'],
      ['restic', 'prune', '--max-unused', '0'],
      ['coffre', 'prune', '--max-unused', '0'],
      ['coffre', 'forget', '--keep-last', '1', '--prune', '--grace', '1h'],
    ];
    for (const [round, [program, ...argv]] of prunes.entries()) {
      for (let n = 0; n < 2; n++) {
        change(world.source, random);
        succeeds(world[random.pick(['coffre', 'restic'] as const)](['backup', world.source]), 'backup');
      }
      succeeds(world[random.pick(['coffre', 'restic'] as const)](['forget', '--keep-last', '2']), 'forget');
      succeeds(world[program](argv), argv.join(' '));
      assertSound(world, world.repository, `round ${round}: ${program} ${argv.join(' ')}`);
    }
  });

  test('marked packs are nothing to restic, old or new, and its own prune takes them', async () => {
    using world = await createWorld();
    const random = createSeededRandom(4);
    for (let n = 0; n < 3; n++) {
      change(world.source, random);
      succeeds(world.coffre(['backup', world.source]), 'backup');
    }
    succeeds(world.coffre(['forget', '--keep-last', '1', '--prune']), 'forget --prune');
    assert.match(succeeds(world.coffre(['prune', '-n']), 'prune'), /^marked earlier, waiting until .*: \d+ packs/m);
    for (const program of [restic, old]) {
      if (program === undefined) continue;
      const path = world.copy(`for-${program.version}`);
      // What was known of the original says nothing about a copy.
      const environment = { RESTIC_REPOSITORY: path, RESTIC_CACHE_DIR: `${path}-cache` };
      for (const argv of [['check', '--read-data'], ['prune'], ['check', '--read-data']]) {
        const run = runRestic(program.path, path, argv);
        assert.equal(run.exitCode, 0, `restic ${program.version} ${argv.join(' ')}: ${run.stderr}`);
      }
      const ours = world.coffre(['prune'], { environment });
      assert.doesNotMatch(succeeds(ours, 'prune after restic'), /marked earlier/);
      assertSound(world, path, `restic ${program.version} pruned what was marked`);
    }
  });

  test('a prune of restic that was killed is finished by ours', async () => {
    using world = await createWorld();
    const random = createSeededRandom(5);
    for (let n = 0; n < 4; n++) {
      change(world.source, random);
      succeeds(world.restic(['backup', world.source]), 'backup');
    }
    succeeds(world.restic(['forget', '--keep-last', '2']), 'forget');
    for (const delayMs of [400, 500, 600]) {
      const path = world.copy(`killed-${delayMs}`);
      const environment = { RESTIC_REPOSITORY: path, RESTIC_CACHE_DIR: `${path}-cache` };
      await spawnRestic(['--no-cache', 'prune', '--max-unused', '0'], path, delayMs);
      succeeds(world.coffre(['unlock'], { environment }), 'unlock');
      succeeds(world.coffre(['prune', '--instant-delete', '--max-unused', '0'], { environment }), 'prune');
      assertSound(world, path, `a kill after ${delayMs} ms`);
      assert.match(
        succeeds(world.restic(['prune', '-n'], { environment }), 'prune'),
        /^total prune:\s+0 blobs \/ 0 B$/m,
      );
    }
  });

  test('backups of restic that run beside our prunes lose nothing', async () => {
    using world = await createWorld();
    const random = createSeededRandom(6);
    change(world.source, random);
    succeeds(world.restic(['backup', world.source]), 'backup');
    for (let round = 0; round < 2; round++) {
      change(world.source, random);
      const limit = ['--limit-upload', '4000'];
      const backup = spawnRestic(
        ['--no-cache', 'backup', '--retry-lock', '10m', ...limit, world.source],
        world.repository,
      );
      const options = round % 2 === 0 ? ['--grace', '0'] : [];
      succeeds(world.coffre(['prune', '--max-unused', '0', '--retry-lock', '10m', ...options]), 'prune');
      assert.equal(await backup, 0, 'the backup ends well');
      succeeds(world.coffre(['forget', '--keep-last', '2', '--retry-lock', '10m']), 'forget');
      assertSound(world, world.repository, `round ${round}`);
    }
  });
});

test('a backup that waited while somebody pruned saves what is gone once more', async () => {
  using world = await createWorld();
  const random = createSeededRandom(7);
  change(world.source, random);
  succeeds(world.coffre(['backup', world.source]), 'backup');
  const other = join(world.folder, 'other');
  mkdirSync(other);
  succeeds(world.coffre(['backup', other]), 'backup');
  succeeds(world.coffre(['forget', '--keep-last', '1', '--group-by', '']), 'forget');

  const host = { ...createSampleHost(), clock: systemClock(), random: systemRandom() };
  const backend = createLocalBackend({ path: world.repository });
  await using repository = await openRepository({ backend, host, password: samplePassword });
  const lock = await acquireLock(repository, { exclusive: true });
  const argv = ['--retry-lock', '10m', '-v', 'backup', world.source];
  const backup = spawnCoffre(argv, world);
  // Its index is read, its work has begun, and it waits for the lock.
  await backup.says(/already locked/);
  await backup.says(/start backup on/);
  assert.ok((await runPrune(repository, { graceMs: 0 })).deleted.packs > 0);
  await lock.release();
  assert.equal(await backup.ended, 0);
  assert.match(backup.stdout(), /starting again/);
  const sound = await runCheck(repository, {}, () => undefined);
  assert.equal(sound.errors, 0);
});

function spawnRestic(argv: readonly string[], repository: string, killMs?: number): Promise<number | null> {
  const child = spawn(restic!.path, argv, {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      HOME: repository,
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: samplePassword,
    },
  });
  const timer = killMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killMs);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

type Running = {
  readonly ended: Promise<number | null>;
  readonly stdout: () => string;
  /** Resolves once this was printed. */
  says(pattern: RegExp): Promise<void>;
};

function spawnCoffre(argv: readonly string[], world: World): Running {
  const child = spawn(process.execPath, [...nodeArguments, ...argv], {
    env: {
      PATH: process.env['PATH'],
      HOME: world.folder,
      ...compiled,
      RESTIC_REPOSITORY: world.repository,
      RESTIC_PASSWORD: samplePassword,
      RESTIC_CACHE_DIR: join(world.folder, 'cache'),
      // Lines are gathered while nobody watches; progress sends them out.
      RESTIC_PROGRESS_FPS: '10',
    },
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (printed += text));
  // Not at its exit: what it printed last may be read after that.
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  return {
    ended,
    stdout: () => printed,
    async says(pattern) {
      while (!pattern.test(printed)) {
        const more = new Promise((resolve) => void child.stdout.once('data', resolve));
        const code = await Promise.race([more.then(() => undefined), ended]);
        assert.equal(code, undefined, `ended before it said ${pattern}: ${printed}`);
      }
    },
  };
}

/** Mistakes and accidents: the exit codes of restic, its sentences where programs look for them, and a hint of ours. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { skipWithout } from '../peers.ts';
import { createWorld, firstWords, messages, restic, shapes } from './cli-programs.ts';
import type { RunOptions, World } from './cli-programs.ts';
import { nodeArguments } from '../program.ts';

const inShell = [process.execPath, ...nodeArguments].map((word) => `'${word}'`).join(' ');

describe('failing as restic fails', { skip: skipWithout(restic, 'restic 0.19') }, () => {
  let world: World;

  before(async () => {
    world = await createWorld();
    assert.equal(world.restic(['backup', '-q', 'source']).code, 0);
  });

  after(() => world[Symbol.dispose]());

  const wrong: RunOptions = { environment: { RESTIC_PASSWORD: 'wrong' } };
  const none: RunOptions = { environment: { RESTIC_PASSWORD: undefined } };
  const sameSentence: readonly (readonly [argv: readonly string[], options?: RunOptions])[] = [
    [['snapshots'], wrong],
    [['-r', 'not-there', 'snapshots']],
    [['snapshots'], { environment: { RESTIC_REPOSITORY: undefined } }],
    [['backup']],
    [['backup', 'not-there']],
    [['backup', '--stdin', 'source']],
    [['backup', '--stdin', '--files-from', 'x']],
    [['restore', 'latest']],
    // Dry, so that a defect here costs nobody a machine.
    [['restore', 'latest', '--target', '/', '--delete', '--dry-run']],
    [['restore', 'latest', '--target', 't', '--include', 'a', '--exclude', 'b']],
    [['ls']],
    [['diff', 'latest']],
    [['cat']],
    [['cat', 'index']],
    [['tag']],
    [['tag', '--add', 'a', '--set', 'b']],
    [['rewrite']],
    [['forget']],
    [['forget', '--unsafe-allow-remove-all']],
    [['forget', '--no-lock', '--keep-last', '1']],
    [['find', '--blob', '--tree', 'x']],
    [['--quiet', '--verbose', 'snapshots']],
    [['snapshots', 'deadbeef']],
  ];
  for (const [argv, options] of sameSentence) {
    test(`${argv.join(' ')}: the same sentence and exit code`, () => {
      const [ours, theirs] = [world.coffre(argv, options), world.restic(argv, options)];
      assert.deepEqual([ours.code, ours.stdout], [theirs.code, theirs.stdout]);
      // What the system says inside the sentence is worded differently by Go.
      const clean = (text: string): string => text.replace(/config file: .*$/m, 'config file: …');
      assert.equal(clean(firstWords(ours.stderr)), clean(theirs.stderr));
    });
  }

  const sameCode: readonly (readonly [argv: readonly string[], options?: RunOptions])[] = [
    [['frobnicate']],
    [['snapshots', '--frobnicate']],
    [['snapshots', '--latest', 'many']],
    [['snapshots', '--latest']],
    [['snapshots'], none],
    [['--compression', 'foo', 'snapshots']],
    [['snapshots'], { environment: { RESTIC_COMPRESSION: 'foo' } }],
    [['snapshots'], { environment: { RESTIC_PACK_SIZE: 'x' } }],
    [['backup', 'source'], { environment: { RESTIC_READ_CONCURRENCY: 'x' } }],
    [['--password-file', 'x', '--password-command', 'echo', 'snapshots']],
    [['--password-file', 'not-there', 'snapshots']],
    [['--password-command', 'false', 'snapshots']],
    [['--insecure-no-password', 'snapshots']],
    [['--insecure-no-password', 'snapshots'], none],
    [['--retry-lock', 'soon', 'snapshots']],
    [['-r', 'foo:bar', 'snapshots']],
    [['--repository-file', 'x', 'snapshots']],
    [['init']],
    [['init', 'x']],
    [['-r', 'other', 'init', '--repository-version', '9']],
    [['backup', '--exclude', '[', 'source']],
    [['backup', '--exclude-file', 'not-there', 'source']],
    [['backup', '--exclude-larger-than', 'foo', 'source']],
    [['backup', '--time', 'foo', 'source']],
    [['backup', '--parent', 'zzz', 'source']],
    [['backup', '--files-from', 'not-there']],
    [['restore', 'zzz', '--target', 't']],
    [['restore', 'latest:/nope', '--target', 't']],
    [['restore', 'latest', '--target', 't', '--overwrite', 'perhaps']],
    [['dump', 'latest', '/nope']],
    [['dump', 'latest', '/', '--archive', 'rar']],
    [['ls', 'zzz']],
    [['diff', 'latest', 'zzz']],
    [['stats', '--mode', 'bad']],
    [['cat', 'foo']],
    [['cat', 'index', 'abc']],
    [['list', 'foo']],
    [['key', 'remove', 'zzz']],
    [['key', 'add', 'x']],
    [['forget', '--keep-last', '-1']],
    [['forget', '--keep-within', '5x']],
    [['forget', '--keep-tag', 'nobody-has-it']],
    [['check', '--read-data-subset', '3/2']],
    [['find', '--oldest', 'foo', 'x']],
    [['rewrite', '--new-time', 'foo', 'latest']],
  ];
  test('the same exit codes, one sentence, a code, and never a stack trace', () => {
    for (const [argv, options] of sameCode) {
      const [ours, theirs] = [world.coffre(argv, options), world.restic(argv, options)];
      assert.equal(ours.code, theirs.code, `${argv.join(' ')}\n${ours.stderr}\n${theirs.stderr}`);
      assert.doesNotMatch(ours.stderr, /^ +at /m, argv.join(' '));
      assert.match(ours.stderr, /^ {2}[A-Z]+(_[A-Z]+)*(: .+)?$/m, argv.join(' '));
    }
  });

  test('a slip of the fingers is answered with what was meant', () => {
    assert.match(world.coffre(['snapshot']).stderr, /Did you mean snapshots\?/);
    assert.match(world.coffre(['backup', '--exlude', 'x']).stderr, /Did you mean --exclude\?/);
  });

  test('with --json the last line on stderr says how it ended', () => {
    for (const [argv, options] of [
      [['snapshots', '--json'], wrong],
      [['-r', 'not-there', 'snapshots', '--json'], {}],
      [['backup', '--json', 'not-there'], {}],
      [['backup', '--json', 'source', 'not-there'], {}],
      [['ls', '--json', 'zzz'], {}],
    ] as const) {
      const [ours, theirs] = [world.coffre(argv, options), world.restic(argv, options)];
      const [mine, wanted] = [messages(ours.stderr).at(-1), messages(theirs.stderr).at(-1)];
      assert.equal(mine?.['message_type'], 'exit_error');
      assert.equal(mine?.['code'], wanted?.['code']);
      for (const key of shapes(theirs.stderr)['exit_error'] ?? []) assert.ok(mine !== undefined && key in mine, key);
      assert.equal(typeof mine?.['error_code'], 'string');
    }
  });

  test('what is not built yet says so before it does anything', () => {
    for (const argv of [['mount', '/mnt']]) {
      const run = world.coffre(argv);
      assert.equal(run.code, 1, argv.join(' '));
      assert.match(run.stderr, /NOT_BUILT_YET/);
    }
    assert.match(world.restic(['snapshots', '--json']).stdout, /"id"/);
  });

  test('beside a lock of somebody else: exit code 11, or wait as long as told', async () => {
    assert.ok(restic);
    const environment = {
      PATH: process.env['PATH'],
      HOME: world.folder,
      RESTIC_REPOSITORY: world.repository,
      RESTIC_PASSWORD: samplePassword,
    };
    const released = join(world.folder, 'released');
    const hold = `while [ ! -e '${released}' ]; do sleep 0.1; done; echo done`;
    const other = spawn(restic.path, ['--no-cache', 'backup', '-q', '--stdin-from-command', '--', 'sh', '-c', hold], {
      env: environment,
      stdio: 'ignore',
    });
    try {
      await waitForLock(world);
      const refused = world.coffre(['forget', '--keep-last', '9']);
      assert.equal(refused.code, 11);
      assert.match(
        refused.stderr,
        new RegExp(
          `^unable to create lock in backend: repository is already locked by PID \\d+ on \\S+ by \\S+ \\(UID`,
        ),
      );
      assert.match(refused.stderr, /^the `unlock` command can be used to remove stale locks$/m);
      assert.equal(world.coffre(['snapshots']).code, 0);
      const argv = ['forget', '--keep-last', '9', '--retry-lock', '10m'];
      const waiting = spawn(process.execPath, [...nodeArguments, ...argv], {
        env: environment,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const said = await firstLineWith(waiting.stdout, 'already locked');
      assert.equal(said, 'repo already locked, waiting up to 10m0s for the lock');
      writeFileSync(released, '');
      const [code] = (await once(waiting, 'close')) as [number | null];
      assert.equal(code, 0);
    } finally {
      other.kill();
    }
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} ends a backup with 130, without a snapshot and without its lock`, async () => {
      const before = world.restic(['list', 'snapshots']).stdout;
      const begun = join(world.folder, `begun-${signal}`);
      const dump = ['sh', '-c', ': > "$0"; exec sleep 60', begun];
      const child = spawn(process.execPath, [...nodeArguments, 'backup', '--stdin-from-command', '--', ...dump], {
        env: {
          PATH: process.env['PATH'],
          HOME: world.folder,
          RESTIC_REPOSITORY: world.repository,
          RESTIC_PASSWORD: samplePassword,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const stderr: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      const ended = once(child, 'close') as Promise<[number | null]>;
      while (!existsSync(begun)) await sleep(20);
      await waitForLock(world);
      child.kill(signal);
      const [code] = await ended;
      assert.equal(code, 130, Buffer.concat(stderr).toString());
      assert.match(Buffer.concat(stderr).toString(), /cleaning up/);
      assert.equal(world.restic(['list', 'locks']).stdout, '');
      assert.equal(world.restic(['list', 'snapshots']).stdout, before);
    });
  }

  test('a reader that goes away ends the program quietly', () => {
    const script = `${inShell} --no-lock list blobs | true; echo "\${PIPESTATUS[0]}"`;
    const run = world.shell(script);
    assert.match(run.stdout, /^(0|141)\n$/);
    assert.doesNotMatch(run.stderr, /Error|EPIPE|at /);
  });

  test('a hangup, with which `restic unlock` asks who is alive, does not end a backup', async () => {
    const released = join(world.folder, 'released');
    const waiting = ['sh', '-c', 'until test -e "$0"; do sleep 0.1; done; echo done', released];
    const argv = [...nodeArguments, 'backup', '--stdin-from-command', '--', ...waiting];
    const env = {
      PATH: process.env['PATH'],
      HOME: world.folder,
      RESTIC_REPOSITORY: world.repository,
      RESTIC_PASSWORD: samplePassword,
    };
    rmSync(released, { force: true });
    const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'close') as Promise<[number | null]>;
    try {
      await waitForLock(world);
      world.restic(['unlock']);
      assert.notEqual(world.restic(['list', 'locks']).stdout, '', 'the lock of a program that lives was removed');
      child.kill('SIGHUP');
      writeFileSync(released, '');
      assert.equal((await ended)[0], 0);
    } finally {
      child.kill();
      await ended;
      rmSync(released, { force: true });
    }
  });

  test('a full disk under the output ends what only prints with 1, and stops no backup', () => {
    const count = (): number => world.restic(['list', 'snapshots']).stdout.trim().split('\n').length;
    const before = count();
    const run = world.shell(
      `${inShell} backup --stdin-from-command -- echo x >/dev/full; ${inShell} dump latest stdin >/dev/full; echo $?`,
    );
    assert.equal(run.stdout, '1\n');
    assert.match(run.stderr, /^cannot write the output: ENOSPC/m);
    assert.equal(count(), before + 1);
  });
});

/** What comes after it is read as well, so that the program never waits for us. */
async function firstLineWith(output: Readable, words: string): Promise<string> {
  const found = Promise.withResolvers<string>();
  const lines = createInterface({ input: output });
  lines.on('line', (line) => {
    if (line.includes(words)) found.resolve(line);
  });
  lines.on('close', () => found.reject(new Error(`no line said "${words}"`)));
  return await found.promise;
}

async function waitForLock(world: World): Promise<void> {
  while (world.restic(['list', 'locks']).stdout.trim() === '') await sleep(100);
}

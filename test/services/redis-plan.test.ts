/** Plans with Redis and git through the program: what restic sees, what a killed run leaves, and that no password is seen. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '@coffre/repository';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createStage, newRestic, snapshotsIn, type Stage } from '../interop/stage.ts';
import { findService, skipWithoutService } from './programs.ts';
import { fillRedis, startRedis, type RedisServer } from './redis.ts';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

const secret = `it's "secret" $(id)`;

function configure(stage: Stage, repository: string, server: RedisServer, method: string): Record<string, string> {
  const file = join(stage.folder, 'coffre.yaml');
  writeFileSync(join(stage.folder, 'redis-password'), secret);
  writeFileSync(join(stage.folder, 'vault'), samplePassword);
  const { path } = server.address.place as { path: string };
  writeFileSync(
    file,
    `version: 1
timezone: UTC
secrets:
  vault: {file: ${join(stage.folder, 'vault')}}
  redis: {file: ${join(stage.folder, 'redis-password')}}
repositories: {local: {url: "${repository}", password: "\${secret:vault}"}}
sites:
  home:
    sources:
      cache: {type: redis, connect: {socket: "${path}", password: "\${secret:redis}"}, method: ${method}}
      code: {type: git, path: "${join(stage.folder, 'code')}"}
plans:
  cache: {sources: [home/cache], to: local, verify: {each: [archive, open, schema, row_counts]}}
  code: {sources: [home/code], to: local, verify: {each: [archive, open, schema, row_counts]}}
`,
  );
  return { COFFRE_STATE_DIR: join(stage.folder, 'state'), COFFRE_CONFIG: file };
}

const leftOvers = (stage: Stage): string[] =>
  readdirSync(stage.folder).filter((name) => /coffre-dump|\.coffre-/.test(name));

describe('plans of redis and git', { skip: skipWithoutService('redis-server') }, () => {
  test('both methods are saved, proved and found by restic, and the password is in no argument and no output', async () => {
    using stage = createStage();
    await using server = await startRedis('--requirepass', secret, '--appendonly', 'yes');
    using connection = await server.connect({ password: secret });
    await fillRedis(connection);
    const place = await stage.repository('repo');
    const environment = configure(stage, place, server, 'both');
    const seen: string[] = [];
    // A look at all processes may miss the private server, whose life is short; it leaves word itself.
    const witness = join(stage.folder, 'bin', 'redis-server');
    mkdirSync(join(stage.folder, 'bin'));
    writeFileSync(
      witness,
      `#!/bin/sh\nprintf '%s\\n' "$*" >>'${stage.folder}/started'\nexec '${findService('redis-server')}' "$@"\n`,
      { mode: 0o755 },
    );
    const child = spawn(process.execPath, [...nodeArguments, 'run', 'cache'], {
      env: {
        ...compiled,
        PATH: `${join(stage.folder, 'bin')}:${process.env['PATH']}`,
        TMPDIR: stage.folder,
        HOME: stage.folder,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => said.push(part));
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    while (child.exitCode === null && child.signalCode === null) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) seen.push(commandLineOf(pid));
      await systemClock().sleep(5);
    }
    const output = Buffer.concat(said).toString();
    assert.equal(await code, 0, output);
    const started = readFileSync(join(stage.folder, 'started'), 'utf8').split('\n');
    assert.ok(
      started.some((line) => line.includes('coffre-dump')),
      'a scratch server ran',
    );
    seen.push(...started);
    assert.equal(
      seen.some((line) => line.includes('secret" $(id)') && !line.includes('--requirepass')),
      false,
    );
    assert.equal(output.includes(secret), false);
    assert.deepEqual(leftOvers(stage), []);
    const [snapshot] = snapshotsIn(stage, 'coffre', place);
    assert.ok(snapshot?.tags?.includes('coffre:source=home/cache'));
    if (newRestic !== undefined) {
      const dumped = join(stage.folder, 'by-restic');
      stage.ok('new', place, ['restore', 'latest', '--target', dumped]);
      const checked = spawnSync('redis-check-rdb', [join(dumped, 'sources/cache/dump.rdb')], { encoding: 'utf8' });
      assert.equal(checked.status, 0, checked.stdout);
    }
  });

  test('a run that is killed, and a server that dies in mid-dump, leave no snapshot and nothing behind', async () => {
    using stage = createStage();
    await using server = await startRedis('--requirepass', secret);
    using connection = await server.connect({ password: secret });
    for (let at = 0; at < 400; at += 1) await connection.ask(['SET', `key ${at}`, 'x'.repeat(1000)]);
    // Some seconds for a dump: whatever happens, happens in the middle of it.
    await connection.ask(['CONFIG', 'SET', 'rdb-key-save-delay', '8000']);
    const place = await stage.repository('repo');
    const environment = configure(stage, place, server, 'rdb');
    const dumping = async (): Promise<{ kill: () => void; code: Promise<number | null> }> => {
      const child = spawn(process.execPath, [...nodeArguments, 'run', 'cache'], {
        env: { ...compiled, PATH: process.env['PATH'], TMPDIR: stage.folder, HOME: stage.folder, ...environment },
        stdio: 'ignore',
      });
      const code = new Promise<number | null>((resolve) => child.once('close', resolve));
      while (!/rdb_bgsave_in_progress:1/.test(await connection.askText(['INFO']))) await systemClock().sleep(10);
      return { kill: () => void child.kill('SIGKILL'), code };
    };
    const killed = await dumping();
    killed.kill();
    await killed.code;
    while (!/rdb_bgsave_in_progress:0/.test(await connection.askText(['INFO']))) await systemClock().sleep(10);
    const orphaned = await dumping();
    process.kill(server.process().pid, 'SIGKILL');
    assert.equal(await orphaned.code, 1);
    assert.equal(snapshotsIn(stage, 'coffre', place).length, 0);
    assert.deepEqual(leftOvers(stage), []);
    await server.stop();
    await server.start();
    assert.equal(stage.run('coffre', place, ['run', 'cache'], { environment }).code, 0);
    assert.equal(snapshotsIn(stage, 'coffre', place).length, 1);
  });

  test('a push saves the repository: the hook of a bare repository runs the plan', { skip: noGit() }, async () => {
    using stage = createStage();
    await using server = await startRedis();
    const place = await stage.repository('repo');
    const environment = configure(stage, place, server, 'rdb');
    const bare = join(stage.folder, 'code');
    const work = join(stage.folder, 'work');
    const run = (folder: string, ...words: string[]): string =>
      git(folder, { TMPDIR: stage.folder, ...environment }, words);
    mkdirSync(bare);
    run(bare, 'init', '--quiet', '--bare', '--initial-branch=main');
    const program = [process.execPath, ...nodeArguments].map((word) => `'${word}'`).join(' ');
    const hook = `#!/bin/sh\nunset GIT_DIR\n${program} run code >"${stage.folder}/hook.log" 2>&1\n`;
    writeFileSync(join(bare, 'hooks', 'post-receive'), hook, { mode: 0o755 });
    run(stage.folder, 'clone', '--quiet', bare, work);
    writeFileSync(join(work, 'file'), 'text');
    run(work, 'add', 'file');
    run(work, 'commit', '--quiet', '-m', 'one');
    run(work, 'push', '--quiet', 'origin', 'HEAD:main');
    const log = readFileSync(join(stage.folder, 'hook.log'), 'utf8');
    assert.equal(snapshotsIn(stage, 'coffre', place).length, 1, log);
    const loaded = join(stage.folder, 'loaded.git');
    stage.ok('coffre', place, ['source', 'load', 'latest', 'code', '--target', loaded], { environment });
    assert.equal(run(loaded, 'rev-parse', 'main'), run(work, 'rev-parse', 'HEAD'));
  });
});

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it ended
  }
}

function noGit(): string | false {
  return spawnSync('git', ['--version']).status === 0 ? false : 'git is not installed';
}

function git(folder: string, environment: Record<string, string>, words: readonly string[]): string {
  const who = {
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...who, ...environment };
  const done = spawnSync('git', ['-C', folder, ...words], { env, encoding: 'utf8' });
  assert.equal(done.status, 0, `git ${words.join(' ')}: ${done.stderr}`);
  return done.stdout.trim();
}

/** Backups of sources as a user makes them: under writes, with hostile names, and killed in the middle. */
import assert from 'node:assert/strict';
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { samplePassword } from '../../../packages/repository/src/testing/sample-repository.ts';
import { createStage, isRoot, snapshotsIn, type Ran, type Stage } from '../../interop/stage.ts';
import { compiled } from '../../compiled.ts';
import { nodeArguments } from '../../program.ts';

const writer = fileURLToPath(new URL('busy-writer.ts', import.meta.url));

describe('backups of sources', () => {
  let stage: Stage;
  let environment: Record<string, string>;
  before(() => {
    stage = createStage();
    environment = { COFFRE_STATE_DIR: join(stage.folder, 'state') };
  });
  after(() => stage[Symbol.dispose]());

  const coffre = (repository: string, ...argv: string[]): Ran => stage.run('coffre', repository, argv, { environment });
  const ok = (repository: string, ...argv: string[]): string => {
    const ran = coffre(repository, ...argv);
    assert.equal(ran.code, 0, `${argv.join(' ')}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  const fails = (code: number, repository: string, ...argv: string[]): string => {
    const ran = coffre(repository, ...argv);
    assert.equal(ran.code, code, `${argv.join(' ')}: ${ran.stderr}${ran.stdout}`);
    return ran.stderr;
  };
  const count = (repository: string): number => snapshotsIn(stage, 'coffre', repository).length;

  for (const journalMode of ['wal', 'delete']) {
    test(`a database in ${journalMode} mode under constant writes is saved at one moment, proved and loaded`, async () => {
      const place = await stage.repository(`live ${journalMode}`);
      const live = join(stage.folder, `it's "live" $(${journalMode}) -x.db`);
      const child = fork(writer, [live, journalMode], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      try {
        await new Promise((resolve) => child.once('message', resolve));
        ok(place, 'backup', '--sqlite', live);
        const loaded = join(stage.folder, `loaded ${journalMode}.db`);
        const name = live.split('/').at(-1) as string;
        ok(place, 'source', 'load', 'latest', name, '--target', loaded);
        const database = new DatabaseSync(loaded, { readOnly: true });
        const found = database.prepare('SELECT (SELECT rows FROM total) AS said, count(*) AS rows FROM log').get();
        database.close();
        assert.ok(Number(found?.['rows']) >= 30_000);
        assert.equal(found?.['said'], found?.['rows']);
        assert.match(ok(place, 'verify'), /integrity ok, schema as saved, \d+ rows in 3 tables as counted/);
        const used = fails(1, place, 'source', 'load', 'latest', name, '--target', live, '--overwrite', '--confirm');
        assert.match(used, /is used by a program/);
        assert.match(fails(1, place, 'source', 'load', 'latest', name, '--target', loaded), /is there already/);
      } finally {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      // Whoever wrote was killed: what it left beside its database belongs to the old one.
      const name = live.split('/').at(-1) as string;
      ok(place, 'source', 'load', 'latest', name, '--target', live, '--overwrite', '--confirm');
      assert.equal(existsSync(`${live}-wal`), false);
      const database = new DatabaseSync(live);
      const found = database.prepare('SELECT (SELECT rows FROM total) AS said, count(*) AS rows FROM log').get();
      database.close();
      assert.equal(found?.['said'], found?.['rows']);
      assert.deepEqual(leftOvers(), []);
    });
  }

  const leftOvers = (): string[] => readdirSync(stage.folder).filter((name) => /coffre-dump|\.coffre-/.test(name));

  test('what is no database, is not there or is empty is refused, and nothing is made', async () => {
    const place = await stage.repository('refused');
    const missing = join(stage.folder, 'missing.db');
    assert.match(fails(1, place, 'backup', '--sqlite', missing), /there is no database/);
    assert.equal(existsSync(missing), false);
    const empty = join(stage.folder, 'empty.db');
    writeFileSync(empty, '');
    assert.match(fails(1, place, 'backup', '--sqlite', empty), /is empty/);
    writeFileSync(empty, 'not a database '.repeat(1000));
    assert.match(fails(1, place, 'backup', '--sqlite', empty), /is no SQLite database/);
    const torn = join(stage.folder, 'torn.db');
    const database = new DatabaseSync(torn);
    database.exec(
      'CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 9999)' +
        " INSERT INTO t SELECT 'some text ' || i FROM n",
    );
    database.close();
    const bytes = readFileSync(torn);
    bytes.fill(0xee, 20_000, 24_096);
    writeFileSync(torn, bytes);
    assert.match(fails(1, place, 'backup', '--sqlite', torn), /damaged|malformed/);
    assert.equal(count(place), 0);
    assert.deepEqual(leftOvers(), []);
  });

  test('a dump program that fails, is killed, prints nothing or takes too long leaves no snapshot', async () => {
    const place = await stage.repository('commands');
    const says = (command: string, ...more: string[]): string =>
      fails(1, place, 'backup', '--command-source', `x=${command}`, ...more);
    assert.match(says('sh -c "echo much; exit 3"'), /exit code 3/);
    assert.match(says('sh -c "echo much; kill -9 $$"'), /signal SIGKILL/);
    assert.match(says('true'), /printed nothing/);
    assert.match(says('sh -c "echo much; sleep 60"', '--command-timeout', '1s'), /did not end within 1 s/);
    assert.match(says('/no/such/program'), /cannot be started/);
    assert.match(says('sh -c "echo told >&2; exit 1"'), /told/);
    assert.equal(count(place), 0);
  });

  test('words are never looked at by a shell, variables only come by name, and the load command gets every byte', async () => {
    const place = await stage.repository('words');
    const proof = join(stage.folder, 'hacked');
    environment['PGPASSWORD'] = 'secret';
    const loaded = join(stage.folder, 'loaded text');
    const words = `$(touch "${proof}")`;
    ok(place, 'backup', '--command-source', `it's 'q' $(x) -rf=printf %s '${words.replaceAll("'", '')}'`);
    assert.equal(existsSync(proof), false);
    ok(
      place,
      'backup',
      '--command-source',
      `env=sh -c 'echo "[$PGPASSWORD$RESTIC_PASSWORD]"'`,
      '--load-with',
      `env=dd of=${loaded.replace(' ', '\\ ')}`,
    );
    assert.equal(ok(place, 'dump', 'latest', '/sources/env/output'), '[]\n');
    assert.match(fails(1, place, 'source', 'load', 'latest', 'env'), /would load into what is live/);
    assert.match(fails(24, place, 'source', 'load', 'latest', 'env', '--overwrite'), /nobody is there to ask/);
    ok(place, 'source', 'load', 'latest', 'env', '--overwrite', '--confirm');
    assert.equal(readFileSync(loaded, 'utf8'), '[]\n');
    ok(place, 'backup', '--command-source', `env=sh -c 'echo "[$PGPASSWORD]"'`, '--command-env', 'PGPASSWORD');
    assert.equal(ok(place, 'dump', 'latest', '/sources/env/output'), '[secret]\n');
    assert.doesNotMatch(ok(place, 'dump', 'latest', '/.coffre/manifest.json'), /secret/);
    delete environment['PGPASSWORD'];
  });

  test('the checksums of a snapshot are what sha256sum finds in a restored folder, whatever the names', async () => {
    const place = await stage.repository('sums');
    const source = join(stage.folder, 'odd names');
    mkdirSync(source);
    for (const name of ['plain', '-rf', "o'clock", '$(x)', 'two\nlines', 'back\\slash', 'été', ' ']) {
      writeFileSync(join(source, name), `content of ${name}`);
    }
    writeFileSync(join(source, 'large'), Buffer.alloc(9_000_000, 'large'));
    ok(place, 'backup', source, '--manifest');
    const restored = join(stage.folder, 'restored');
    ok(place, 'restore', 'latest', '--target', restored);
    const checked = spawnSync('sha256sum', ['-c', '--strict'], {
      cwd: restored,
      input: ok(place, 'verify', '--checksums'),
    });
    assert.equal(checked.status, 0, checked.stdout.toString() + checked.stderr.toString());
    // The large file's hash is taken over, the others are their blobs.
    ok(place, 'backup', source, '--manifest');
    assert.match(ok(place, 'verify'), /9 files, .*every hash as signed/);
    assert.equal(count(place), 2);
  });

  test('a snapshot whose files were changed behind its manifest does not verify', async () => {
    const place = await stage.repository('forged');
    const source = join(stage.folder, 'honest');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'honest');
    ok(place, 'backup', source, '--manifest');
    assert.match(fails(20, place, 'verify', '--key', 'SHA256:other'), /not with SHA256:other/);
    ok(place, 'rewrite', '--forget', '--exclude', `${source}/a`);
    assert.match(fails(20, place, 'verify'), /missing: .*honest\/a/);
    ok(place, 'backup', source);
    assert.match(fails(21, place, 'verify'), /no manifest/);
    assert.match(fails(20, place, 'verify', snapshotsIn(stage, 'coffre', place)[0]?.id ?? ''), /missing/);
  });

  test('a torn state file is saved apart and the last good one kept', async () => {
    const place = await stage.repository('states');
    const states = join(stage.folder, 'modules/pay/state');
    mkdirSync(states, { recursive: true });
    const file = join(states, 'state');
    const good = { toml: Buffer.from('a = 1\n') };
    for (const [kind, bytes] of Object.entries(good)) {
      const run = (code: number): string =>
        coffreWith(code, place, [
          'backup',
          states,
          '--validate',
          kind,
          '--tag',
          kind.slice(0, 4),
          '--group-by',
          'host,paths,tags',
        ]);
      writeFileSync(file, bytes);
      run(0);
      for (const bad of [bytes.subarray(0, -3), Buffer.alloc(0)]) {
        writeFileSync(file, bad);
        assert.match(run(3), /was not taken/, kind);
        const argv = ['dump', '--tag', kind.slice(0, 4), 'latest'];
        assert.equal(ok(place, ...argv, file), bytes.toString(), kind);
        assert.equal(ok(place, ...argv, `/.coffre/invalid${file}`), bad.toString(), kind);
      }
    }
  });

  const coffreWith = (code: number, place: string, argv: string[]): string => {
    const ran = coffre(place, ...argv);
    assert.equal(ran.code, code, ran.stderr + ran.stdout);
    return ran.stderr;
  };

  test('killed in the middle of a dump, no snapshot is there, and the next backup cleans up and succeeds', async () => {
    const place = await stage.repository('killed');
    const begun = join(stage.folder, 'begun');
    const script = `head -c 20000000 /dev/urandom; : > '${begun}'; sleep 30`;
    const environmentNow = {
      ...process.env,
      ...compiled,
      ...environment,
      HOME: stage.folder,
      TMPDIR: stage.folder,
      RESTIC_PASSWORD: samplePassword,
    };
    const scriptFile = join(stage.folder, 'dump.sh');
    writeFileSync(scriptFile, script);
    const argv = [...nodeArguments, '-r', place, 'backup', '--command-source', `x=sh ${scriptFile}`];
    const child = spawn(process.execPath, argv, { env: environmentNow, stdio: 'ignore' });
    while (!existsSync(begun)) {
      assert.equal(child.exitCode, null, 'the backup goes on');
      await pause(50);
    }
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    assert.equal(count(place), 0);
    const abandoned = join(stage.folder, `coffre-dump-${child.pid}-abc123`);
    mkdirSync(abandoned);
    const database = join(stage.folder, 'after.db');
    new DatabaseSync(database).exec('CREATE TABLE t (a)');
    ok(place, 'unlock', '--remove-all');
    ok(place, 'backup', '--sqlite', database);
    assert.equal(existsSync(abandoned), false);
    // The manifest alone is no change.
    ok(place, 'backup', '--sqlite', database, '--skip-if-unchanged');
    assert.equal(count(place), 1);
    assert.match(ok(place, 'verify'), /every hash as signed/);
  });

  test(
    'a full disk for the copy refuses before anything is written',
    { skip: isRoot ? false : 'mounts need root' },
    async (t) => {
      const place = await stage.repository('full');
      const small = join(stage.folder, 'small');
      mkdirSync(small);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=66m', 'tmpfs', small]);
      if (mounted.status !== 0) return t.skip('no tmpfs can be mounted here');
      try {
        const database = join(stage.folder, 'large.db');
        const made = new DatabaseSync(database);
        made.exec('CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(6000000))');
        made.close();
        const ran = stage.run('coffre', place, ['backup', '--sqlite', database], {
          environment: { ...environment, TMPDIR: small },
        });
        assert.equal(ran.code, 1);
        assert.match(ran.stderr, /SOURCE_SPACE_SHORT/);
        assert.deepEqual(readdirSync(small), []);
        // It fills up after the look: another program was quicker.
        rmSync(join(small, 'x'), { force: true });
        assert.equal(count(place), 0);
        assert.ok(statSync(database).size > 6_000_000);
      } finally {
        spawnSync('umount', [small]);
      }
    },
  );
});

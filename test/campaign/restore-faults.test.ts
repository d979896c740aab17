/**
 * Restores in place with `--delete` of which one system call fails, or is the last one: what was there is untouched, or is
 * whole in the snapshot that was named before. A few calls by chance; all of them with COFFRE_FAULTS=all. The seed is
 * printed and can be given back with COFFRE_SEED. Needs strace.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

const program = [process.execPath, ...nodeArguments];
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
/** Those that change what is restored, and the repository before it; and how many of each such a restore makes. */
const calls = { unlinkat: 1, ftruncate: 6, fchmod: 9, utimensat: 10, mkdirat: 4, rename: 6, fsync: 8 };
const outcomes = ['error=EIO', 'error=ENOSPC', 'error=EACCES', 'signal=KILL'];

function contentOf(folder: string): Map<string, string> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'hex')]));
}

test(
  'whichever call of a restore in place fails or is its last, what was there is untouched, or kept whole',
  { skip: spawnSync('strace', ['--version']).status === 0 ? false : 'strace is not installed' },
  (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const scratch = mkdtempSync(join(tmpdir(), 'coffre-restore-faults-'));
    t.after(() => rmSync(scratch, { recursive: true, force: true }));
    const [app, repository, config] = ['app', 'repo', 'coffre.yaml'].map((name) => join(scratch, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(app);
    mkdirSync(repository);
    writeFileSync(join(scratch, 'vault'), 'pw');
    writeFileSync(
      config,
      `version: 1\ntimezone: UTC\nsecrets: {vault: {file: ${join(scratch, 'vault')}}}
repositories: {local: {url: "${repository}", password: "\${secret:vault}"}}
sites: {home: {sources: {app: {type: files, paths: ["${app}"]}}}}
plans: {app: {sources: [home/app], to: local}}\n`,
    );
    const env = {
      ...compiled,
      PATH: process.env['PATH'],
      HOME: scratch,
      TMPDIR: scratch,
      COFFRE_CONFIG: config,
      COFFRE_STATE_DIR: join(scratch, 'state'),
    };
    const run = (before: readonly string[], ...words: readonly string[]): { status: number | null; said: string } => {
      const [first = '', ...rest] = [...before, ...program, ...words];
      const { status, stdout, stderr } = spawnSync(first, rest, { env, encoding: 'utf8' });
      return { status, said: stdout + stderr };
    };
    for (let at = 0; at < 6; at += 1) writeFileSync(join(app, `file ${at}`), random.bytes(60_000));
    assert.equal(run([], 'init', 'local').status, 0);
    assert.equal(run([], 'backup', 'create', '--plan', 'app', '--name', 'good').status, 0);
    for (let at = 0; at < 3; at += 1) writeFileSync(join(app, `file ${at}`), random.bytes(40_000));
    rmSync(join(app, 'file 5'));
    writeFileSync(join(app, 'not in the backup'), 'x');
    const now = join(scratch, 'now');
    cpSync(app, now, { recursive: true });
    const expected = contentOf(now);
    const places = Object.entries(calls).flatMap(([call, count]) =>
      Array.from({ length: count }, (_, at) => outcomes.map((how) => `inject=${call}:${how}:when=${at + 1}`)).flat(),
    );
    const few = process.env['COFFRE_FAULTS'] === 'all' ? places : Array.from({ length: 3 }, () => random.pick(places));
    for (const fault of few) {
      rmSync(app, { recursive: true, force: true });
      cpSync(now, app, { recursive: true });
      const [call = ''] = fault.slice('inject='.length).split(':');
      const tracing = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', fault];
      const { said } = run(tracing, 'restore', '--name', 'good', '--delete', '--confirm');
      try {
        assert.deepEqual(contentOf(app), expected);
        continue; // untouched
      } catch {
        // Then it must have been kept.
      }
      const [, kept] = /is kept as ([0-9a-f]{8})/.exec(said) ?? [];
      assert.ok(kept !== undefined, `${fault}: changed, and nothing says where it is kept\n${said}`);
      const back = join(scratch, 'back');
      const options = ['-r', repository, '--password-file', join(scratch, 'vault')];
      const { status, said: complaint } = run([], ...options, 'restore', kept, '--target', back);
      assert.equal(status, 0, `${fault}: ${complaint}`);
      assert.deepEqual(contentOf(join(back, app)), expected, fault);
      rmSync(back, { recursive: true });
    }
  },
);

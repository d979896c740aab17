import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CoffreError, isCoffreError } from '@coffre/repository';
import { createPrograms, textOf, type ProgramCall } from './programs.ts';

const programs = createPrograms({ PATH: process.env['PATH'], SECRET: 'hush' });

function call(argv: readonly string[], more: Partial<ProgramCall> = {}): ProgramCall {
  return { argv, timeoutMs: 60_000, ...more };
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-programs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const isFailure = (error: unknown): boolean => isCoffreError(error, 'SOURCE_COMMAND_FAILED');

test('words arrive as they are, and of our own variables only a few', async () => {
  const words = ['$(id)', "it's", '"x"', '-n', 'two\nlines', ''];
  assert.equal(await textOf(programs, call(['printf', '%s|', ...words])), `${words.join('|')}|`);
  assert.equal(await textOf(programs, call(['sh', '-c', 'echo "$SECRET"'])), '\n');
  assert.equal(await textOf(programs, call(['sh', '-c', 'echo "$A"'], { environment: { A: 'b' } })), 'b\n');
});

test('bytes without a good end are a failure: exit code, signal, time, more than was asked for', async () => {
  await assert.rejects(textOf(programs, call(['sh', '-c', 'echo all; exit 4'])), /exit code 4/);
  await assert.rejects(textOf(programs, call(['sh', '-c', 'echo all; kill -9 $$'])), /signal SIGKILL/);
  await assert.rejects(textOf(programs, call(['sh', '-c', 'echo why >&2; exit 1'])), /why/);
  await assert.rejects(textOf(programs, call(['sleep', '60'], { timeoutMs: 50 })), /did not end within/);
  await assert.rejects(textOf(programs, call(['/no/such'])), isFailure);
  await assert.rejects(textOf(programs, call(['']), 10), (error) => isCoffreError(error, 'USAGE'));
  await assert.rejects(textOf(programs, call(['yes']), 1000), isFailure);
});

test('a program that closes its output and goes on is waited for', async () => {
  await assert.rejects(textOf(programs, call(['sh', '-c', 'echo x; exec >&-; sleep 0.2; exit 5'])), /exit code 5/);
});

test('what a program reads is fed to it, and one that reads only half fails when it says so', async () => {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let part = 0; part < 100; part += 1) yield Buffer.alloc(10_000, 'x');
  }
  assert.equal((await textOf(programs, call(['wc', '-c'], { input: bytes() }))).trim(), '1000000');
  await assert.rejects(textOf(programs, call(['sh', '-c', 'head -c 5 >/dev/null'], { input: bytes() })), isFailure);
  const left = call(['sh', '-c', 'head -c 5'], { input: bytes(), mayLeaveInput: true });
  assert.equal(await textOf(programs, left), 'xxxxx');
});

test('who stops asking ends the program and all that it started', async (t) => {
  const mark = join(scratch(t), 'pid');
  const script = `sleep 60 & echo $! > '${mark}'; while :; do echo x; done`;
  for await (const _ of programs.output(call(['sh', '-c', script]))) if (existsSync(mark)) break;
  const pid = Number(readFileSync(mark, 'utf8'));
  await hasEnded(pid);
});

test('what a program that has ended left behind ends with its time, also what holds its output only', async (t) => {
  const mark = join(scratch(t), 'pid');
  const leaves = ['sh', '-c', `sleep 60 & echo $! > '${mark}'`];
  await hasEnded(await cutOff(leaves, mark));
  const flees = ['sh', '-c', `setsid sh -c 'echo $$ > "${mark}"; exec sleep 60' & sleep 60`];
  const pid = await cutOff(flees, mark);
  assert.ok(isRunning(pid), 'who left the group is out of reach, and not waited for');
  process.kill(pid);
});

test('a program that may leave others behind has ended when it has, and they go on', async (t) => {
  const mark = join(scratch(t), 'pid');
  const starts = call(['sh', '-c', `sleep 60 & echo $! > '${mark}'; echo started`], { mayLeaveOthers: true });
  assert.equal(await textOf(programs, starts), 'started\n');
  const pid = Number(readFileSync(mark, 'utf8'));
  assert.ok(isRunning(pid));
  process.kill(pid);
  const fails = call(['sh', '-c', `sleep 60 & echo $! > '${mark}'; exit 4`], {
    mayLeaveOthers: true,
    timeoutMs: 59_000,
  });
  await assert.rejects(textOf(programs, fails), /exit code 4/);
  process.kill(Number(readFileSync(mark, 'utf8')));
});

test('the signal ends a program and its reason is told', async () => {
  const stop = new AbortController();
  const reading = textOf(programs, call(['sleep', '60'], { signal: stop.signal }));
  stop.abort(new CoffreError('INTERRUPTED', 'enough'));
  await assert.rejects(reading, /enough/);
});

/** With ever more time, until it was enough for the mark. @returns the process of the mark */
async function cutOff(argv: readonly string[], mark: string): Promise<number> {
  for (let timeoutMs = 100; ; timeoutMs *= 2) {
    rmSync(mark, { force: true });
    const reason = new RegExp(`did not end within ${timeoutMs / 1000} s`);
    await assert.rejects(textOf(programs, call(argv, { timeoutMs })), reason);
    const pid = existsSync(mark) ? Number(readFileSync(mark, 'utf8')) : 0;
    if (pid > 0) return pid;
  }
}

/** A killed process still needs a moment; the test's own limit is the only end. */
async function hasEnded(pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A process that ended and that nobody asks after is no longer running. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

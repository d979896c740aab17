/**
 * A stand-in for `coffre run PLAN`, as a process: it writes its row, says what it does, and ends as FAKE_RUN says. It
 * behaves as the real one towards the daemon: SIGTERM and a lost channel make it stop well.
 */
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock, systemProcesses } from '@coffre/repository';
import { createPrograms } from '../../platform/programs.ts';
import type { RunMessage } from '../../run/run-message.ts';
import { parseRunPurpose, runPurposeVariable, triggerOf } from '../../run/run-request.ts';
import { endRun, startRun } from '../../store/runs.ts';
import { openStore } from '../../store/store.ts';

/** JSON in FAKE_RUN. */
export type FakeRun = {
  readonly stateFile: string;
  readonly takesMs?: number;
  readonly outcome?: 'success' | 'failed';
  /** Ends in this way instead, after its row is written. */
  readonly crash?: 'exit' | 'kill';
  /** Starts a program that runs for hours, as a dump does, and writes its number into this file. */
  readonly programFile?: string;
  /** SIGTERM and the end of the daemon mean nothing to it. */
  readonly isDeaf?: boolean;
};

const {
  stateFile,
  takesMs = 50,
  outcome = 'success',
  crash,
  isDeaf,
  programFile,
} = JSON.parse(process.env['FAKE_RUN'] ?? '{}') as FakeRun;
const plan = process.argv.at(-1)!;
const stop = new AbortController();
if (isDeaf !== true) process.on('disconnect', () => stop.abort());
process.on('SIGTERM', () => isDeaf === true || stop.abort());

const say = (message: RunMessage): void => void (process.connected && process.send?.(message));

await using store = await openStore({ kind: 'sqlite', file: stateFile }, { clock: systemClock() });
const purpose = parseRunPurpose(process.env[runPurposeVariable]);
const runId = await startRun(store, {
  plan,
  kind: 'backup',
  trigger: triggerOf(purpose),
  ...(purpose.slots !== undefined && { slotAtMs: purpose.slots.lastDueMs }),
  host: hostname(),
  pid: process.pid,
  bootId: systemProcesses().space ?? '',
});
say({ type: 'started', runId, plan, logPath: undefined });
say({ type: 'phase', phase: 'read' });
say({ type: 'line', level: 'info', text: `saving ${plan}` });
if (programFile !== undefined) {
  const dump = createPrograms(process.env).output({
    argv: ['sh', '-c', 'echo $$ >> "$0"; exec sleep 5000', programFile],
    timeoutMs: 6_000_000,
    signal: stop.signal,
  });
  void dump.next().catch(() => undefined);
}
await pause(takesMs, undefined, { signal: stop.signal }).catch(() => undefined);
if (crash === 'kill') process.kill(process.pid, 'SIGKILL');
if (crash === 'exit') {
  process.stderr.write('Fatal: out of luck\n  SOME_CODE: try again\n');
  process.exitCode = 3;
} else {
  const ended = stop.signal.aborted ? 'cancelled' : outcome;
  await endRun(store, runId, { outcome: ended });
  say({ type: 'ended', outcome: ended, reason: undefined, code: undefined });
}
if (process.connected) process.disconnect?.();

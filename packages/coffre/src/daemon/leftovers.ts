/**
 * A run that is killed cannot end the programs that it started: dumps, hooks. Whoever started the run does it, by the mark
 * that all of them carry.
 */
import { createHash, randomBytes } from 'node:crypto';
import { markedProcesses } from '../platform/marked-processes.ts';
import { runPurposeVariable } from '../run/run-request.ts';
import type { DaemonClock } from './daemon-clock.ts';

const graceMs = 3000;

export class Leftovers {
  readonly #prefix: string;
  readonly #clock: DaemonClock;

  constructor(stateFolder: string, clock: DaemonClock) {
    this.#prefix = `${createHash('sha256').update(stateFolder).digest('hex').slice(0, 16)}.`;
    this.#clock = clock;
  }

  newMark(): string {
    return this.#prefix + randomBytes(8).toString('hex');
  }

  /** What the run with this mark left behind, after it was killed. @returns how many processes */
  async endOf(mark: string): Promise<number> {
    return await this.#end(() => markedProcesses(mark).map(({ pid }) => pid));
  }

  /** Of runs of an earlier daemon on this state that were killed with it. Runs that are alive end by themselves. */
  async endLost(): Promise<number> {
    return await this.#end(() => {
      const found = markedProcesses(this.#prefix);
      const alive = new Set(found.filter(({ variables }) => variables.has(runPurposeVariable)).map(({ mark }) => mark));
      return found.filter(({ mark }) => !alive.has(mark)).map(({ pid }) => pid);
    });
  }

  async #end(find: () => readonly number[]): Promise<number> {
    const found = find();
    if (found.length === 0) return 0;
    for (const pid of found) signal(pid, 'SIGTERM');
    await new Promise<void>((resolve) => void this.#clock.after(graceMs, resolve));
    for (const pid of find()) signal(pid, 'SIGKILL');
    return found.length;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

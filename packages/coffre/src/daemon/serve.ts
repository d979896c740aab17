/** `coffre serve` from a checked configuration to a loop that runs. */
import { Zones } from '../schedule/zone.ts';
import type { Config } from '../config/config.ts';
import type { Store } from '../store/store.ts';
import type { DaemonClock } from './daemon-clock.ts';
import type { DaemonLog } from './daemon-log.ts';
import { DueLoop } from './loop.ts';
import { closeLostRuns, loadProgress } from './progress.ts';
import type { Here } from './run-end.ts';
import type { StartRunProcess } from './run-process.ts';
import { workOf } from './work.ts';

export type ServeParts = {
  readonly config: Config;
  readonly store: Store;
  readonly clock: DaemonClock;
  readonly log: DaemonLog;
  readonly here: Here;
  readonly isAlive: (pid: number) => boolean;
  readonly startProcess: StartRunProcess;
  readonly programWords: readonly string[];
  /** After the start, and after the machine woke. */
  readonly settleMs: number;
};

export async function startLoop(parts: ServeParts): Promise<DueLoop> {
  const { config, store, log, here } = parts;
  const lost = await closeLostRuns(store, here, parts.isAlive);
  if (lost > 0) log.warn('runs.lost', { count: lost });
  const { runsMax, runsPerHostMax } = config.server;
  const limits = { runsMax, runsPerHostMax, settleMs: parts.settleMs };
  const loop = new DueLoop({ ...parts, zones: new Zones(), limits });
  const works = [...workOf(config, here.host).values()];
  for (const { work, progress } of await loadProgress(store, works)) loop.put(work, progress);
  return loop;
}

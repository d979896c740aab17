/** Runs of this machine whose process is gone without a word: the history says so, instead of showing them for ever. */
import { endRun, openRuns, type Run } from '../store/runs.ts';
import { endLease, everyLease } from '../store/leases.ts';
import type { Rows } from '../store/store.ts';
import { isGone } from './lease-keeper.ts';
import type { Machine } from './run-surroundings.ts';

/** Their leases end too, before their time is over. @returns those that were closed */
export async function closeLostRuns(rows: Rows, machine: Machine): Promise<readonly Run[]> {
  for (const lease of await everyLease(rows)) if (isGone(lease.holder, machine)) await endLease(rows, lease);
  const lost: Run[] = [];
  for (const run of await openRuns(rows, machine.host)) {
    if (!isLost(run, machine)) continue;
    if (await endRun(rows, run.id, { outcome: 'lost', reason: 'its process is gone' })) lost.push(run);
  }
  return lost;
}

/** Of another boot, or a process that is no more. What another container of the same boot runs cannot be judged here. */
export function isLost({ pid, bootId }: Pick<Run, 'pid' | 'bootId'>, machine: Machine): boolean {
  const [boot] = bootId.split(' ');
  const [ours] = machine.bootId.split(' ');
  if (boot !== ours) return true;
  if (bootId !== machine.bootId) return false;
  return pid !== machine.pid && !machine.isAlive(pid);
}

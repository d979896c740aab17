/** Runs of this machine whose process is gone without a word: the history says so, and who is concerned is told. */
import { noteRunEnd } from '../alert/note-run.ts';
import type { Config } from '../config/config.ts';
import { endRun, foundGone as reason, listRuns, openRuns, type Run } from '../store/runs.ts';
import { endLease, everyLease } from '../store/leases.ts';
import { openSlots } from '../store/slots.ts';
import type { Rows, Store } from '../store/store.ts';
import { isGone } from './lease-keeper.ts';
import type { Machine } from './run-surroundings.ts';

/**
 * Their leases end too, before their time is over.
 *
 * @param isOwn of a process that is still waited for by us, who says more about its end
 * @returns those that were closed
 */
export async function closeLostRuns(
  store: Store,
  machine: Machine,
  alerts: Config['alerts'],
  isOwn: (pid: number) => boolean = () => false,
): Promise<readonly Run[]> {
  for (const lease of await everyLease(store)) if (isGone(lease.holder, machine)) await endLease(store, lease);
  const lost: Run[] = [];
  for (const run of await openRuns(store, machine.host)) {
    if (!isLost(run, machine) || isOwn(run.pid)) continue;
    if (await store.transaction(async (rows) => await closeLost(rows, alerts, run))) lost.push(run);
  }
  return lost;
}

async function closeLost(rows: Rows, alerts: Config['alerts'], run: Run): Promise<boolean> {
  if (!(await endRun(rows, run.id, { outcome: 'lost', reason }))) return false;
  const { id: runId, plan, kind, repository, parent } = run;
  // Parts of a run are told of with it; the care of a repository has a row for each task and none for itself.
  const isTold = kind === 'backup' || kind === 'copy' || plan.startsWith('care/');
  if (parent !== undefined || !isTold) return true;
  const isTriedAgain = (await isOwed(rows, run)) && !(await wasLostBefore(rows, run));
  await noteRunEnd(rows, alerts, { plan, kind, repository, runId, outcome: 'lost', reason, isTriedAgain });
  return true;
}

/** The care of a repository leaves its slot to its manager. */
async function isOwed(rows: Rows, { plan, kind, slotAtMs }: Run): Promise<boolean> {
  if (kind === 'backup' || kind === 'copy') return slotAtMs !== undefined;
  return (await openSlots(rows, plan)).length > 0;
}

/** A manager does the slot of a run that was lost once more; who is lost twice in a row has something to say. */
async function wasLostBefore(rows: Rows, { id, plan, kind }: Run): Promise<boolean> {
  const newest = await listRuns(rows, { plan, kind }, 10);
  return newest.find((run) => run.id < id && run.end !== undefined)?.end?.outcome === 'lost';
}

/** Of another boot, or a process that is no more. What another container of the same boot runs cannot be judged here. */
export function isLost({ pid, bootId }: Pick<Run, 'pid' | 'bootId'>, machine: Machine): boolean {
  const [boot] = bootId.split(' ');
  const [ours] = machine.bootId.split(' ');
  if (boot !== ours) return true;
  if (bootId !== machine.bootId) return false;
  return pid !== machine.pid && !machine.isAlive(pid);
}

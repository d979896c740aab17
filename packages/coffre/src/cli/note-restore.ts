/** A restore is a row of the history: reports count it, and how long it took says how long the next one takes. */
import { hostname } from 'node:os';
import { asError, isCoffreError, systemProcesses } from '@coffre/repository';
import type { SnapshotId } from '@coffre/repository';
import type { RunFigures } from '../run/run-figures.ts';
import type { RunEnd } from '../store/runs.ts';
import type { Rows } from '../store/store.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import type { Meant } from './meant-repositories.ts';

export type RestoreOf = {
  /** Undefined for snapshots that no plan made: nothing is asked about these. */
  readonly plan: string | undefined;
  readonly source: string | undefined;
  readonly repository: string;
  readonly snapshot: SnapshotId;
};

/** A history that cannot be written keeps nobody from a restore. @param work gives how many bytes it wrote */
export async function notedRestore(
  cli: Cli,
  meant: Meant,
  { plan, source, repository, snapshot }: RestoreOf,
  work: () => Promise<number>,
): Promise<void> {
  if (plan === undefined || source === undefined) return void (await work());
  const { startRun, endRun } = await import('../store/runs.ts');
  const id = await written(cli, meant, async (rows) =>
    startRun(rows, {
      plan,
      source,
      repository,
      kind: 'restore',
      trigger: 'manual',
      host: hostname(),
      pid: process.pid,
      bootId: systemProcesses().space ?? '',
    }),
  );
  const end = async (ended: RunEnd): Promise<void> => {
    if (id !== undefined)
      await written(cli, meant, async (rows) => endRun(rows, id, { ...ended, snapshots: [snapshot] }));
  };
  const startedMs = performance.now();
  try {
    const bytesRestored = await work();
    const restoreMs = Math.max(1, Math.round(performance.now() - startedMs));
    const figures: RunFigures = { bytesRestored, restoreMs };
    await end({ outcome: 'success', figures: { ...figures } });
  } catch (error) {
    const isStopped = isCoffreError(error, 'INTERRUPTED');
    const code = isCoffreError(error) ? error.code : 'INTERNAL';
    await end({ outcome: isStopped ? 'cancelled' : 'failed', reason: asError(error).message, code });
    throw error;
  }
}

async function written<T>(cli: Cli, { configured }: Meant, work: (rows: Rows) => Promise<T>): Promise<T | undefined> {
  try {
    await using state = await configuredState(cli, configured);
    return state === undefined ? undefined : await work(state);
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    cli.printer().error(`Warning: the restore is not in the history: ${error.message}`);
    return undefined;
  }
}

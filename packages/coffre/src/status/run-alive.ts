import type { Processes } from '@coffre/repository';
import type { Run } from '../store/runs.ts';

/** Whether the process of a run is still there; undefined for one that cannot be seen from here. */
export function aliveIn(
  here: string,
  processes: Pick<Processes, 'space' | 'isAlive'>,
): (run: Run) => boolean | undefined {
  const bootOf = (space: string): string => space.split(' ')[0] ?? '';
  return ({ host, pid, bootId }) => {
    const { space } = processes;
    if (host !== here || space === undefined) return undefined;
    if (bootId === space) return processes.isAlive(pid);
    return bootOf(bootId) === bootOf(space) ? undefined : false;
  };
}

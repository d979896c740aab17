import type { Host } from '../host/context.ts';
import type { Backend } from './backend.ts';

/** Half-written files of writers that were killed; never a reason to call good work failed. */
export async function sweepKilledWriters(backend: Backend, host: Host): Promise<void> {
  try {
    await backend.removeLeftovers?.(host.clock);
  } catch (error) {
    host.warn({ about: 'half-written files of an earlier run could not be removed', error });
  }
}

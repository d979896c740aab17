/** What runs get of the outside, handed in, so that tests can bend it. */
import type { CoffreError, Processes } from '@coffre/repository';
import type { RepositorySurroundings } from '../access/configured-repository.ts';
import type { Config } from '../config/config.ts';
import type { SourceContext } from '../source/source.ts';
import type { Store } from '../store/store.ts';
import type { RunMessage } from './run-message.ts';

/** Which process of which machine this is. */
export type Machine = {
  readonly host: string;
  readonly pid: number;
  /** Boot and pid namespace: where two processes have the same, a pid means the same to both. */
  readonly bootId: string;
  readonly isAlive: Processes['isAlive'];
};

export type RunSurroundings = {
  readonly config: Config;
  /** The whole of it as plain values, without secrets, as it is stored in snapshots. */
  readonly configuration: unknown;
  readonly store: Store;
  /** Keys and logs. */
  readonly stateFolder: string;
  readonly machine: Machine;
  readonly repositories: RepositorySurroundings;
  readonly source: Omit<SourceContext, 'signal' | 'warn'>;
  /** As manifests and snapshots carry it. */
  readonly programVersion: string;
  readonly tell: (message: RunMessage) => void;
  /** Stops the run well; its reason is what the history says. */
  readonly signal: AbortSignal;
};

/** Why work that was stopped was stopped. */
export function reasonOf(signal: AbortSignal): CoffreError | undefined {
  const reason: unknown = signal.reason;
  return reason instanceof Error && 'code' in reason ? (reason as CoffreError) : undefined;
}

/** The outside, as `status` and the reports ask it. */
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemProcesses } from '@coffre/repository';
import { configuredStatePlace, openState } from '../access/state.ts';
import type { Config } from '../config/config.ts';
import { systemSecretDoors } from '../config/read/secrets.ts';
import type { StatusDoors } from '../status/read-facts.ts';
import { aliveIn } from '../status/run-alive.ts';
import { storeExists } from '../store/location.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';

const answerMs = 1000;

export function statusDoors(): StatusDoors {
  const here = hostname();
  return {
    nowMs: Date.now(),
    here,
    isAlive: aliveIn(here, systemProcesses()),
    freeSpace: async (path) => {
      // A share that is gone does not answer, ever.
      const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), answerMs).unref());
      const asked = statfs(path).then(
        ({ bavail, blocks, bsize }) => ({ freeBytes: bavail * bsize, capacityBytes: blocks * bsize }),
        () => undefined,
      );
      return await Promise.race([asked, late]);
    },
  };
}

/** For reading: where no history is yet, none is made. */
export async function withHistory<T>(
  cli: Cli,
  config: Config,
  work: (store: Store | undefined) => Promise<T>,
): Promise<T> {
  const place = await configuredStatePlace(config, cli.environment, systemSecretDoors(cli.environment));
  if (!storeExists(place.location)) return await work(undefined);
  await using store = await openState(place, (sentence) => cli.printer().error(sentence));
  return await work(store);
}

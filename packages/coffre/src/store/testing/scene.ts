/** For tests of the state on either engine: fresh places, and a clock that stands until it is moved. */
import { sql } from 'kysely';
import { queueSchemaName } from '../postgres-schema.ts';
import { jobLeaseMs } from '../queue.ts';
import { openStore } from '../store.ts';
import type { Store } from '../store.ts';
import type { StoreLocation } from '../location.ts';

export type Scene = {
  /** Where nothing is yet. */
  freshPlace(): StoreLocation;
};

export type HandClock = { readonly nowNs: () => bigint; moveMs(durationMs: number): void };

export const sceneStartMs: number = Date.UTC(2026, 7, 20, 14);

export function handClock(): HandClock {
  let nowMs = sceneStartMs;
  return {
    nowNs: () => BigInt(nowMs) * 1_000_000n,
    moveMs: (durationMs) => {
      nowMs += durationMs;
    },
  };
}

export async function openScene(place: StoreLocation, clock: HandClock = handClock()): Promise<Store> {
  return await openStore(place, { clock, ownClock: true });
}

/** Lets time pass, for the queue as well: that of PostgreSQL goes by the clock of the server. */
export async function passMs(store: Store, clock: HandClock, durationMs: number): Promise<void> {
  clock.moveMs(durationMs);
  if (store.engine === 'postgres') await makeOlder(store, durationMs);
}

/** As if whoever works had been silent for that long. */
export async function endLeases(store: Store): Promise<void> {
  if (store.engine === 'postgres') return await makeOlder(store, 2 * jobLeaseMs);
  await store.db.updateTable('jobs').set({ due_at: 0 }).execute();
  return undefined;
}

async function makeOlder(store: Store, durationMs: number): Promise<void> {
  const by = sql`${durationMs / 1000} * interval '1 s'`;
  const jobs = sql.table(`${queueSchemaName}.job`);
  const queues = sql.table(`${queueSchemaName}.queue`);
  await sql`update ${jobs} set start_after = start_after - ${by}, started_on = started_on - ${by}`.execute(store.db);
  await sql`update ${queues} set monitor_on = monitor_on - ${by}, monitor_claim_on = monitor_claim_on - ${by}`.execute(
    store.db,
  );
}

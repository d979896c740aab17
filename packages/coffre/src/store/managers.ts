/**
 * Which managers are there. Each holds a lease of its own, and the slots that it opened are its own until that ends: of
 * managers on other machines nothing else can be known.
 */
import { sql } from 'kysely';
import { endLease, renewLease, takeLease } from './leases.ts';
import type { Lease } from './leases.ts';
import type { Rows, Store } from './store.ts';

/** No name in a configuration has a slash. */
const prefix = 'manager/';
const forgottenAfterMs = 86_400_000;

export function isManagerLease({ repository }: { readonly repository: string }): boolean {
  return repository.startsWith(prefix);
}

/** @param held what was held until now; it may have ended meanwhile */
export async function keepManager(
  store: Store,
  manager: string,
  { held, durationMs }: { readonly held: Lease | undefined; readonly durationMs: number },
): Promise<Lease | undefined> {
  const renewed = held === undefined ? undefined : await renewLease(store, held, durationMs);
  if (renewed !== undefined) return renewed;
  const beforeMs = (await store.nowMs()) - forgottenAfterMs;
  await store.db
    .deleteFrom('leases')
    .where('repository', 'like', `${prefix}%`)
    .where('expires_at', '<', beforeMs)
    .execute();
  const wish = { repository: prefix + manager, mode: 'shared', holder: manager, durationMs } as const;
  const answer = await takeLease(store, wish);
  return answer.kind === 'held' ? answer.lease : undefined;
}

/** Its open slots are anybody's from now on. */
export async function endManager(rows: Rows, lease: Lease): Promise<void> {
  await endLease(rows, lease);
}

export async function isManagerThere({ db }: Rows, manager: string | null, nowMs: number): Promise<boolean> {
  if (manager === null) return false;
  const lease = await db
    .selectFrom('leases')
    .select('id')
    .where('repository', '=', prefix + manager)
    .where('expires_at', '>', nowMs)
    .limit(1)
    .executeTakeFirst();
  return lease !== undefined;
}

/** Open slots whose manager is gone, and those of the one who asks: it knows itself which of them it works on. */
export async function slotsWithoutManager(rows: Rows, asking: string): Promise<string[]> {
  const nowMs = await rows.nowMs();
  const found = await sql<{ plan: string }>`
    select distinct plan from slots where closed_at is null and (opened_by = ${asking} or not exists (
      select 1 from leases where repository = ${prefix} || opened_by and expires_at > ${nowMs}))
    order by plan`.execute(rows.db);
  return found.rows.map(({ plan }) => plan);
}

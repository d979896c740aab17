/**
 * Who may work on a repository now: one alone, or several beside each other. It keeps our own runs apart; the locks in
 * the repository stay what protects it from everybody else. A lease that is not renewed in its time may be taken away.
 */
import type { Selectable } from 'kysely';
import { decideAlone } from './exclusive.ts';
import type { Rows, Store } from './store.ts';
import type { LeaseId, LeaseTable } from './tables.ts';

export type LeaseMode = 'shared' | 'exclusive';
export type LeaseWish = {
  readonly repository: string;
  readonly mode: LeaseMode;
  readonly holder: string;
  readonly durationMs: number;
};
/** Ids only grow, so of two who believe to hold a repository the higher one is right. */
export type Lease = { readonly id: LeaseId; readonly repository: string; readonly expiresAtMs: number };
export type LeaseHolder = Lease & { readonly mode: LeaseMode; readonly holder: string };
export type LeaseAnswer =
  | { readonly kind: 'held'; readonly lease: Lease; readonly stolenFrom: readonly string[] }
  | { readonly kind: 'taken'; readonly by: readonly LeaseHolder[] };

export async function takeLease(store: Store, wish: LeaseWish): Promise<LeaseAnswer> {
  return await store.transaction(async (rows) => {
    const { db } = rows;
    await decideAlone(rows, `lease ${wish.repository}`);
    const nowMs = await rows.nowMs();
    const expired = await db
      .deleteFrom('leases')
      .where('repository', '=', wish.repository)
      .where('expires_at', '<=', nowMs)
      .returning('holder')
      .execute();
    const held = await holdersOf(rows, wish.repository);
    const inTheWay = wish.mode === 'exclusive' ? held : held.filter(({ mode }) => mode === 'exclusive');
    if (inTheWay.length > 0) return { kind: 'taken', by: inTheWay };
    const expiresAtMs = nowMs + wish.durationMs;
    const { repository, mode, holder } = wish;
    const { id } = await db
      .insertInto('leases')
      .values({ repository, mode, holder, acquired_at: nowMs, expires_at: expiresAtMs })
      .returning('id')
      .executeTakeFirstOrThrow();
    const stolenFrom = expired.map((lease) => lease.holder);
    return { kind: 'held', lease: { id, repository, expiresAtMs }, stolenFrom };
  });
}

/**
 * Also after its time, as when the state was away: whoever takes it from us removes its row first.
 *
 * @returns undefined when somebody did: whoever held it must stop
 */
export async function renewLease(rows: Rows, lease: Lease, durationMs: number): Promise<Lease | undefined> {
  const nowMs = await rows.nowMs();
  const expiresAtMs = nowMs + durationMs;
  const { numUpdatedRows } = await rows.db
    .updateTable('leases')
    .set({ expires_at: expiresAtMs })
    .where('id', '=', lease.id)
    .executeTakeFirst();
  return numUpdatedRows === 1n ? { ...lease, expiresAtMs } : undefined;
}

export async function endLease(rows: Rows, lease: Lease): Promise<void> {
  await rows.db.deleteFrom('leases').where('id', '=', lease.id).execute();
}

/** Those that count now. */
export async function leaseHolders(rows: Rows, repository: string): Promise<LeaseHolder[]> {
  const nowMs = await rows.nowMs();
  return (await holdersOf(rows, repository)).filter(({ expiresAtMs }) => expiresAtMs > nowMs);
}

/** Those of every repository that count now. They are few: what runs holds them. */
export async function leasesNow(rows: Rows): Promise<LeaseHolder[]> {
  const nowMs = await rows.nowMs();
  const found = await rows.db.selectFrom('leases').selectAll().where('expires_at', '>', nowMs).orderBy('id').execute();
  return found.map(({ id, repository, mode, holder, expires_at }) => ({
    id,
    repository,
    expiresAtMs: expires_at,
    mode: mode as LeaseMode,
    holder,
  }));
}

async function holdersOf({ db }: Rows, repository: string): Promise<LeaseHolder[]> {
  const rows = await db.selectFrom('leases').selectAll().where('repository', '=', repository).orderBy('id').execute();
  return rows.map(holderOf);
}

/** Those that have run out too. */
export async function everyLease({ db }: Rows): Promise<LeaseHolder[]> {
  return (await db.selectFrom('leases').selectAll().orderBy('id').execute()).map(holderOf);
}

function holderOf({ id, repository, mode, holder, expires_at }: Selectable<LeaseTable>): LeaseHolder {
  return { id, repository, expiresAtMs: expires_at, mode: mode as LeaseMode, holder };
}

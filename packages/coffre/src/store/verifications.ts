/** When a repository was last listed, read, checked or restored from, and what came of it. */
import type { Rows } from './store.ts';

export type VerificationKind = 'list' | 'pack' | 'check' | 'check-read' | 'verify' | 'restore' | 'drill';
export type Verification = {
  readonly repository: string;
  readonly kind: VerificationKind;
  /** Which pack, which snapshot. */
  readonly subject?: string;
  readonly outcome: 'good' | 'damaged' | 'unreachable';
  readonly detail?: string;
};
export type StoredVerification = Verification & { readonly atMs: number };

export async function recordVerification(rows: Rows, fact: Verification): Promise<void> {
  await rows.db
    .insertInto('verifications')
    .values({
      repository: fact.repository,
      kind: fact.kind,
      subject: fact.subject ?? null,
      at: await rows.nowMs(),
      outcome: fact.outcome,
      detail: fact.detail ?? null,
    })
    .execute();
}

/** Newest first. With one and `good`: when was this last known to be so? */
export async function listVerifications(
  { db }: Rows,
  filter: Pick<Verification, 'repository'> & Partial<Pick<Verification, 'kind' | 'outcome'>>,
  countMax: number,
): Promise<StoredVerification[]> {
  let query = db.selectFrom('verifications').selectAll().where('repository', '=', filter.repository);
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
  const rows = await query.orderBy('at', 'desc').orderBy('id', 'desc').limit(countMax).execute();
  return rows.map(({ repository, kind, subject, at, outcome, detail }) => ({
    repository,
    kind: kind as VerificationKind,
    outcome: outcome as Verification['outcome'],
    atMs: at,
    ...(subject !== null && { subject }),
    ...(detail !== null && { detail }),
  }));
}

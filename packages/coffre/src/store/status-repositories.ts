/** What `status` asks of the history of a repository: looks, proofs and sizes. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { given } from './given-rows.ts';
import type { TrackKey } from './status-items.ts';
import type { Rows } from './store.ts';
import type { Verification, VerificationKind } from './verifications.ts';

export type VerificationRow = Pick<Verification, 'outcome' | 'detail'> & { readonly atMs: number };
export type VerificationFigures = {
  readonly repository: string;
  readonly kind: VerificationKind;
  readonly newest: VerificationRow;
  readonly good: VerificationRow | undefined;
  readonly damaged: VerificationRow | undefined;
};

const kinds: readonly VerificationKind[] = ['list', 'pack', 'check', 'check-read', 'verify', 'restore', 'drill'];

export async function verificationFigures(rows: Rows, repositories: readonly string[]): Promise<VerificationFigures[]> {
  const entries = repositories.flatMap((repository) => kinds.map((kind) => [repository, kind]));
  const newestOf = (where: string): RawBuilder<unknown> =>
    sql`(select id from verifications where verifications.repository = given.repository
      and verifications.kind = given.kind ${sql.raw(where)} order by at desc, id desc limit 1)`;
  const columns = ['n', 'g', 'd'].map(
    (name) => `${name}.at as ${name}_at, ${name}.outcome as ${name}_outcome, ${name}.detail as ${name}_detail`,
  );
  const found = await sql<Record<string, unknown>>`
    select given.repository as repository, given.kind as kind, ${sql.raw(columns.join(', '))}
    from (${given(rows, entries, ['repository', 'kind'])}) given
    join verifications n on n.id = ${newestOf('')}
    left join verifications g on g.id = ${newestOf(`and outcome = 'good'`)}
    left join verifications d on d.id = ${newestOf(`and outcome = 'damaged'`)}
    order by given.place`.execute(rows.db);
  return found.rows.map((row) => ({
    repository: row['repository'] as string,
    kind: row['kind'] as VerificationKind,
    newest: verificationRow(row, 'n')!,
    good: verificationRow(row, 'g'),
    damaged: verificationRow(row, 'd'),
  }));
}

function verificationRow(row: Record<string, unknown>, name: string): VerificationRow | undefined {
  const atMs = row[`${name}_at`] as number | null;
  if (atMs === null) return undefined;
  const detail = row[`${name}_detail`] as string | null;
  const outcome = row[`${name}_outcome`] as Verification['outcome'];
  return { atMs, outcome, ...(detail !== null && { detail }) };
}

export type ProvedSnapshot = {
  readonly snapshot: string;
  readonly kind: 'verify' | 'restore' | 'drill';
  readonly atMs: number;
};

/** Snapshots that were read back, restored or drilled with success, newest first; a later damage takes that back. */
export async function provedSnapshots({ db }: Rows, repository: string, countMax: number): Promise<ProvedSnapshot[]> {
  const { rows } = await sql<{ snapshot: string; kind: ProvedSnapshot['kind']; at: number }>`
    select subject as snapshot, kind, at from verifications v
    where repository = ${repository} and kind in ('verify', 'restore', 'drill') and outcome = 'good' and subject is not null
      and not exists (select 1 from verifications d where d.repository = v.repository and d.subject = v.subject
        and d.kind in ('verify', 'restore', 'drill') and d.outcome = 'damaged' and d.at > v.at)
    order by at desc limit ${countMax}`.execute(db);
  return rows.map(({ snapshot, kind, at }) => ({ snapshot, kind, atMs: at }));
}

/** How large the repository was whenever it was listed, oldest first. */
export async function repositorySizes(
  { db, engine }: Rows,
  { repository, plan }: { readonly repository: string; readonly plan: string },
  countMax: number,
): Promise<{ readonly atMs: number; readonly sizeBytes: number }[]> {
  const size = sql.raw(
    engine === 'sqlite'
      ? `json_extract(figures, '$.repositoryBytes')`
      : `(figures::json ->> 'repositoryBytes')::bigint`,
  );
  const { rows } = await sql<{ at: number; size: number }>`
    select started_at as at, ${size} as size from runs where repository = ${repository} and plan = ${plan}
      and source is null and kind = 'check' and outcome = 'success' and ${size} is not null
    order by started_at desc limit ${countMax}`.execute(db);
  return rows.map(({ at, size: sizeBytes }) => ({ atMs: at, sizeBytes })).toReversed();
}

/** Since when there has been a backup of this source there. */
export async function keptSince({ db }: Rows, { plan, source, repository }: TrackKey): Promise<number | undefined> {
  const { rows } = await sql<{ at: number | null }>`
    select min(started_at) as at from runs where repository = ${repository} and plan = ${plan} and source = ${source}
      and kind in ('source', 'copy') and outcome in ('success', 'warning')`.execute(db);
  return rows[0]?.at ?? undefined;
}

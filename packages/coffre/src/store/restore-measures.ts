/** Runs that tell how fast a repository gives its data back: proofs after backups, and restores. */
import { sql } from 'kysely';
import type { RunFigures, RunKind } from './runs.ts';
import type { Rows } from './store.ts';

export type MeasuredRun = {
  readonly kind: Extract<RunKind, 'source' | 'restore'>;
  readonly source: string;
  readonly figures: RunFigures;
};

type Columns = { kind: MeasuredRun['kind']; source: string; figures: string };

const ownMax = 10;
/** A bound for the time it takes, however long the history is. */
const lookedAtMax = 2000;
const othersMax = 20;

/** Those of the source first, then those of others in the repository; each newest first. */
export async function measuredRuns(
  { db }: Rows,
  { plan, source, repository }: { readonly plan: string; readonly source: string; readonly repository: string },
): Promise<MeasuredRun[]> {
  const good = sql`outcome in ('success', 'warning')`;
  const own: Columns[] = [];
  for (const kind of ['restore', 'source'] as const) {
    const { rows } = await sql<Columns>`select kind, source, figures from runs
      where repository = ${repository} and plan = ${plan} and source = ${source} and kind = ${kind} and ${good}
      order by started_at desc limit ${ownMax}`.execute(db);
    own.push(...rows);
  }
  const others = await sql<Columns>`select kind, source, figures from (
      select kind, source, plan, repository, outcome, figures, started_at from runs
      order by started_at desc limit ${lookedAtMax}) newest
    where repository = ${repository} and kind in ('source', 'restore') and source is not null and ${good}
      and not (plan = ${plan} and source = ${source})
    order by started_at desc limit ${othersMax}`.execute(db);
  return [...own, ...others.rows].map((row) => ({ ...row, figures: JSON.parse(row.figures) as RunFigures }));
}

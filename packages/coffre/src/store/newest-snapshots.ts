/** What should be in a repository, by the history. */
import { sql } from 'kysely';
import type { Rows } from './store.ts';

export type NewestSnapshot = {
  readonly plan: string;
  readonly source: string;
  /** A copy may have brought several; the retention after it leaves at least the newest of them. */
  readonly snapshots: readonly [string, ...string[]];
  /** Of a copy: the snapshots that it was made of. */
  readonly origins: readonly string[];
};

/** The newest good backup of each source of each plan there, copies included. Those that left no snapshot are left out. */
export async function newestSnapshots({ db }: Rows, repository: string): Promise<NewestSnapshot[]> {
  const { rows } = await sql<{ plan: string; source: string; snapshots: string; origins: string | null }>`
    select r.plan as plan, r.source as source, r.snapshots as snapshots,
      case when r.kind = 'copy' then (select o.snapshots from runs o where o.plan = r.plan and o.source = r.source
        and o.kind = 'source' and o.outcome in ('success', 'warning') and o.ended_at <= r.started_at
        order by o.started_at desc limit 1) end as origins
    from (select plan, source, kind, max(started_at) as started_at from runs
      where repository = ${repository} and source is not null and kind in ('source', 'copy')
        and outcome in ('success', 'warning') group by plan, source, kind) newest
    join runs r on r.repository = ${repository} and r.plan = newest.plan and r.source = newest.source
      and r.kind = newest.kind and r.started_at = newest.started_at and r.outcome in ('success', 'warning')
    order by r.plan, r.source`.execute(db);
  return rows.flatMap(({ plan, source, snapshots: text, origins: made }) => {
    const [first, ...others] = JSON.parse(text) as string[];
    const origins = JSON.parse(made ?? '[]') as string[];
    return first === undefined ? [] : [{ plan, source, snapshots: [first, ...others], origins }];
  });
}

/** What the history says of snapshots that somebody removed by hand: it would go on counting them as good backups. */
import { sql } from 'kysely';
import { given } from './given-rows.ts';
import { newestSnapshots } from './newest-snapshots.ts';
import type { NewestSnapshot } from './newest-snapshots.ts';
import type { Rows } from './store.ts';
import { recordVerification } from './verifications.ts';

export type GoneBackup = NewestSnapshot & { readonly repository: string };

/**
 * Names of theirs are free again, and where the newest backup of a source is among them that is what the repository's
 * list says from now on, as it will when it is listed next.
 */
export async function noteForgotten(rows: Rows, removed: readonly string[]): Promise<GoneBackup[]> {
  if (removed.length === 0) return [];
  const ids = given(
    rows,
    removed.map((id) => [id]),
    ['snapshot'],
  );
  await sql`delete from named_backups where snapshot in (select snapshot from (${ids}) given)`.execute(rows.db);
  const { rows: places } = await sql<{ repository: string }>`
    select distinct repository from runs where repository is not null and kind in ('source', 'copy')`.execute(rows.db);
  const gone: GoneBackup[] = [];
  for (const { repository } of places) {
    const expected = await newestSnapshots(rows, repository);
    const missing = expected.filter(({ snapshots }) => snapshots.every((id) => removed.includes(id)));
    gone.push(...missing.map((one) => ({ ...one, repository })));
    const [first] = missing;
    if (first === undefined) continue;
    const detail = goneWords(missing);
    await recordVerification(rows, {
      repository,
      kind: 'list',
      outcome: 'damaged',
      subject: first.snapshots[0],
      detail,
    });
  }
  return gone;
}

export function goneWords(gone: readonly NewestSnapshot[]): string {
  const named = gone.slice(0, 3).map(({ plan, source, snapshots: [id] }) => `${id.slice(0, 8)} of ${plan}, ${source}`);
  const more = gone.length > named.length ? ` and ${gone.length - named.length} more` : '';
  return `the newest backup is not there any more: ${named.join('; ')}${more}`;
}

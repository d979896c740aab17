/** When snapshots were last proved: after they were saved, by a drill, or by a restore that came out right. */
import type { Rows } from './store.ts';

const rowsMax = 20_000;

/** @param repository by its name in the configuration @returns the newest time of each snapshot that was proved there */
export async function verifiedSnapshots({ db }: Rows, repository: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const note = (snapshot: string, atMs: number): void =>
    void found.set(snapshot, Math.max(atMs, found.get(snapshot) ?? 0));
  const facts = await db
    .selectFrom('verifications')
    .select(['subject', 'at', 'outcome'])
    .where('repository', '=', repository)
    .where('kind', 'in', ['verify', 'restore', 'drill'])
    .where('subject', 'is not', null)
    .orderBy('at', 'desc')
    .limit(rowsMax)
    .execute();
  const judged = new Set<string>();
  for (const { subject, at, outcome } of facts) {
    // The newest word counts: what was good and is damaged now is not good.
    if (subject === null || judged.has(subject) || outcome === 'unreachable') continue;
    judged.add(subject);
    if (outcome === 'good') note(subject, at);
  }
  const runs = await db
    .selectFrom('runs')
    .select(['snapshots', 'ended_at', 'figures'])
    .where('repository', '=', repository)
    .where('kind', 'in', ['source', 'verify'])
    .where('outcome', '=', 'success')
    .orderBy('started_at', 'desc')
    .limit(rowsMax)
    .execute();
  for (const { snapshots, ended_at: endedAtMs, figures } of runs) {
    const { stepsPassed = 0 } = JSON.parse(figures) as { stepsPassed?: number };
    if (stepsPassed === 0 || endedAtMs === null) continue;
    for (const snapshot of JSON.parse(snapshots) as string[]) if (!judged.has(snapshot)) note(snapshot, endedAtMs);
  }
  return found;
}

export type SavedTrack = { readonly repository: string; readonly plan: string; readonly source: string };

/** Whether the run that made a snapshot read its content back, and no damage was found in that repository since. */
export async function isReadBack(
  { db }: Rows,
  { repository, plan, source }: SavedTrack,
  snapshot: string,
): Promise<boolean> {
  const made = await db
    .selectFrom('runs')
    .select(['outcome', 'ended_at', 'figures'])
    .where('repository', '=', repository)
    .where('plan', '=', plan)
    .where('source', '=', source)
    .where('kind', '=', 'source')
    .where('snapshots', 'like', `%"${snapshot}"%`)
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (made === undefined || made.outcome !== 'success' || made.ended_at === null) return false;
  const { readBackBytes } = JSON.parse(made.figures) as { readBackBytes?: number };
  if (readBackBytes === undefined) return false;
  const damage = await db
    .selectFrom('verifications')
    .select('id')
    .where('repository', '=', repository)
    .where('outcome', '=', 'damaged')
    .where('at', '>=', made.ended_at)
    .limit(1)
    .executeTakeFirst();
  return damage === undefined;
}

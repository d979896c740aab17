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

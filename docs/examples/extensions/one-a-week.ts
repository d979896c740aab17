/**
 * A retention strategy: everything of the last two weeks, and of the time before one of each week. In coffre.yaml:
 *
 *   extensions: [./one-a-week.ts]
 *   plans: {nightly: {…, retention: {local: {strategy: one-a-week, floor: 5}}}}
 *
 * It proposes what may go. Floor, pins and names hold whatever it says.
 */
import type { Extension, ExtensionRetention } from 'coffre';

const dayMs = 86_400_000;

const oneAWeek: ExtensionRetention = ({ backups, nowMs }) => {
  const weeks = new Set<number>();
  return backups
    .filter(({ snapshot }) => {
      const atMs = Date.parse(snapshot.time);
      const week = Math.floor(atMs / (7 * dayMs));
      if (nowMs - atMs < 14 * dayMs) return false;
      if (weeks.has(week)) return true;
      weeks.add(week);
      return false;
    })
    .map(({ id }) => id);
};

export const extension = { retention: { 'one-a-week': oneAWeek } } satisfies Extension;

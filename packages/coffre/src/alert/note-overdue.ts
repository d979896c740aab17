/**
 * Writes down what time alone shows of a plan: a slot that nobody ran, an objective that breaks or will, a copy that is
 * late. It belongs to the same trouble as runs that fail, so the next good run or copy ends it; where nothing is waited
 * for any more, it ends by itself.
 */
import type { Config } from '../config/config.ts';
import { decideAlone } from '../store/exclusive.ts';
import type { Store } from '../store/store.ts';
import { isOfTimeAlone } from './gravity.ts';
import { deliveringChannels, takes } from './routing.ts';
import type { AlertCause } from './routing.ts';
import { copyLate, readStory, timeCodes, troubleWith } from './story.ts';
import type { Subject } from './story.ts';
import type { CopyStanding, OverdueCause, PlanStanding } from '../status/standing.ts';
import { noteRecovery, noteTrouble } from './trouble.ts';

const overdueCauses: readonly (OverdueCause | 'copy_late')[] = [
  'missing',
  'never_ran',
  'objective_at_risk',
  'objective_broken',
  'copy_late',
];
/** A plan, or its copies in one repository. */
export type OverdueSubject = Subject &
  ({ readonly family: 'run' } | { readonly family: 'copy'; readonly repository: string });
/** Of who is `unsure` nothing is said. */
type Standing = Exclude<PlanStanding | CopyStanding, { kind: 'unsure' }>;

/** True when it is worth looking at all. */
export function wantsOverdue(alerts: Config['alerts']): boolean {
  const names = new Set(deliveringChannels(alerts).map(({ name }) => name));
  return alerts.routes.some((route) => takes(route, overdueCauses) && route.to.some((name) => names.has(name)));
}

/** Twice the same is once. @returns true when somebody is to be told */
export async function noteOverdue(
  store: Store,
  alerts: Config['alerts'],
  subject: OverdueSubject,
  standing: Standing,
): Promise<boolean> {
  // Nearly always there is nothing to write.
  if (!isNew(troubleWith((await readStory(store, subject)).troubles, subject)?.causes ?? [], standing)) return false;
  return await store.transaction(async (rows) => {
    await decideAlone(rows, `alerts ${subject.plan}`);
    const story = await readStory(rows, subject);
    const trouble = troubleWith(story.troubles, subject);
    if (!isNew(trouble?.causes ?? [], standing)) return false;
    if (standing.kind === 'overdue') {
      const { causes, reason } = standing;
      const fresh = causes.filter((cause) => trouble?.causes.includes(cause) !== true);
      const event = subject.family === 'copy' ? copyLate : planCode(fresh);
      return await noteTrouble(rows, alerts, subject, {
        event,
        story,
        trouble,
        about: { runId: undefined, reason },
        causes,
      });
    }
    if (trouble === undefined) return false;
    const about = { runId: undefined, reason: 'nothing is waited for any more' };
    return await noteRecovery(rows, alerts, subject, { story, trouble, about });
  });
}

function planCode(fresh: readonly AlertCause[]): string {
  return timeCodes.find((code) => fresh.some((cause) => code === `plan.${cause}`)) ?? 'plan.missing';
}

function isNew(known: readonly AlertCause[], standing: Standing): boolean {
  if (standing.kind === 'well') return isOfTimeAlone(known);
  return standing.causes.some((cause) => !known.includes(cause));
}

/** Which causes say more than others: who heard of a trouble hears of it again when it turns out to be graver. Pure. */
import type { AlertCause } from './routing.ts';

const gravityOfCause: { readonly [Cause in AlertCause]?: number } = {
  // What has not happened yet, and what nobody tried. A copy that failed is more than late.
  objective_at_risk: 0,
  missing: 1,
  never_ran: 1,
  copy_late: 1,
  // What is said of every trouble.
  failed: 2,
  objective_broken: 2,
  retention_failed: 2,
  care_failed: 2,
};
const reasonGravity = 3;

/** That of the gravest; less than all where there is none. */
export function gravityOf(causes: readonly AlertCause[]): number {
  return Math.max(-1, ...causes.map((cause) => gravityOfCause[cause] ?? reasonGravity));
}

/** Another reason is news to everybody; what is said of every trouble only to who heard of less. */
export function isNews(cause: AlertCause, heard: { readonly gravity: number } | undefined): boolean {
  const gravity = gravityOf([cause]);
  return heard === undefined || gravity === reasonGravity || heard.gravity < gravity;
}

/** A trouble of these alone is over as soon as nothing is waited for any more, also without a run. */
export function isOfTimeAlone(causes: readonly AlertCause[]): boolean {
  return causes.length > 0 && gravityOf(causes) <= gravityOf(['missing']);
}

/** An event in words for people. Pure. */
import type { Config } from '../config/config.ts';
import type { Notice } from '../extension/notice.ts';
import type { StoredEvent } from '../store/events.ts';
import type { Letter } from '../store/letters.ts';
import { isOfTimeAlone } from './gravity.ts';
import { severityFor } from './routing.ts';
import type { AlertCause } from './routing.ts';

export type NoticeSender = {
  readonly alerts: Config['alerts'];
  readonly company: string | undefined;
  readonly host: string;
};

export function noticeOf({ event, channel, job }: Letter, { alerts, company, host }: NoticeSender): Notice {
  const causes = causesOf(event.detail['causes']);
  return {
    // A state that was made anew counts from one again, but not at the same time.
    id: `${event.atMs}-${event.id}`,
    at: new Date(event.atMs).toISOString(),
    event: event.code,
    severity: severityFor(alerts, channel, causes),
    causes,
    title: titleOf(event),
    text: textOf(event.detail),
    company,
    host,
    plan: event.plan,
    run: event.runId,
    attempt: job.attempt,
    detail: event.detail,
  };
}

function textOf({ reason, problem, count }: Readonly<Record<string, unknown>>): string {
  const text = textIn(reason) ?? textIn(problem) ?? '';
  return typeof count === 'number' && count > 1 ? `${text} (${count} times in a row)`.trimStart() : text;
}

function titleOf({ code, plan = 'Coffre', detail }: StoredEvent): string {
  const repository = textIn(detail['repository']);
  const copy = `the copy of ${plan}${repository === undefined ? '' : ` to ${repository}`}`;
  const retention = `the retention of ${plan}${repository === undefined ? '' : ` in ${repository}`}`;
  const care = `the care of ${plan.replace(/^care\//, '')}`;
  const since = textIn(detail['since']) ?? '?';
  switch (code) {
    case 'run.failed':
      return `${plan} failed`;
    case 'run.recovered':
      return isOfTimeAlone(causesOf(detail['of'])) ? `${plan} is in time again` : `${plan} works again`;
    case 'copy.failed':
      return isObjective(detail) ? `${copy} is older than it may be` : `${copy} failed`;
    case 'copy.late':
      return `${copy} is late`;
    case 'copy.recovered':
      return isOfTimeAlone(causesOf(detail['of'])) ? `${copy} is in time again` : `${copy} works again`;
    case 'retention.failed':
      return `${retention} failed`;
    case 'retention.recovered':
      return `${retention} works again`;
    case 'care.failed':
      return `${care} failed`;
    case 'care.recovered':
      return `${care} works again`;
    case 'run.reminded':
      return `${plan} has not worked since ${since}`;
    case 'copy.reminded':
      return `${copy} ${isOfTimeAlone(causesOf(detail['causes'])) ? 'is late' : 'has not worked'} since ${since}`;
    case 'retention.reminded':
      return `${retention} has not worked since ${since}`;
    case 'care.reminded':
      return `${care} has not worked since ${since}`;
    case 'plan.objective_broken':
      return `${plan}: the newest good backup is older than it may be`;
    case 'plan.missing':
      return `${plan}: a backup is missing`;
    case 'plan.objective_at_risk':
      return `${plan}: the newest good backup will be too old before the next one is due`;
    case 'run.overrun':
      return `${plan} takes much longer than usual`;
    case 'trigger.failed':
      return `${plan}: its trigger ${textIn(detail['trigger']) ?? ''} does not work`;
    case 'notice.given_up':
      return `a notice could not be delivered: ${textIn(detail['channel']) ?? ''}`;
    default:
      return `${plan}: ${code}`;
  }
}

function causesOf(causes: unknown): AlertCause[] {
  return Array.isArray(causes) ? (causes.filter((cause) => typeof cause === 'string') as AlertCause[]) : [];
}

function isObjective({ causes }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(causes) && causes.length === 1 && causes[0] === 'objective_broken';
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** An event in words for people. Pure. */
import type { Config } from '../config/config.ts';
import type { Notice } from '../extension/notice.ts';
import type { StoredEvent } from '../store/events.ts';
import type { Letter } from '../store/letters.ts';
import { severityFor } from './routing.ts';

export type NoticeSender = {
  readonly alerts: Config['alerts'];
  readonly company: string | undefined;
  readonly host: string;
};

export function noticeOf({ event, channel, attempt }: Letter, { alerts, company, host }: NoticeSender): Notice {
  const causes = causesIn(event);
  return {
    // A state that was made anew counts from one again, but not at the same time.
    id: `${event.atMs}-${event.id}`,
    at: new Date(event.atMs).toISOString(),
    event: event.code,
    severity: severityFor(alerts, channel, causes),
    causes,
    title: titleOf(event),
    text: textIn(event.detail['reason']) ?? textIn(event.detail['problem']) ?? '',
    company,
    host,
    plan: event.plan,
    run: event.runId,
    attempt,
    detail: event.detail,
  };
}

function titleOf({ code, plan = 'Coffre', detail }: StoredEvent): string {
  const repository = textIn(detail['repository']);
  const copy = `the copy of ${plan}${repository === undefined ? '' : ` to ${repository}`}`;
  const since = textIn(detail['since']) ?? '?';
  switch (code) {
    case 'run.failed':
      return `${plan} failed`;
    case 'run.recovered':
      return `${plan} works again`;
    case 'copy.failed':
      return isObjective(detail) ? `${copy} is older than it may be` : `${copy} failed`;
    case 'copy.recovered':
      return `${copy} works again`;
    case 'care.failed':
      return `${plan}: the care of a repository failed`;
    case 'care.recovered':
      return `${plan}: the care of a repository works again`;
    case 'run.reminded':
      return `${plan} has not worked since ${since}`;
    case 'copy.reminded':
      return `${copy} has not worked since ${since}`;
    case 'care.reminded':
      return `${plan}: the care of a repository has not worked since ${since}`;
    case 'plan.objective_broken':
      return `${plan}: the newest good backup is older than it may be`;
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

function causesIn({ detail }: StoredEvent): string[] {
  const { causes } = detail;
  return Array.isArray(causes) ? causes.filter((cause) => typeof cause === 'string') : [];
}

function isObjective({ causes }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(causes) && causes.length === 1 && causes[0] === 'objective_broken';
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/**
 * Writes down, in the transaction that ends a run, whom its end concerns: once when a plan begins to fail, which is after
 * its last try, and once when it works again. Each further repository of a plan is a matter of its own.
 */
import type { ErrorCode } from '@coffre/repository';
import type { Config } from '../config/config.ts';
import { recordEvent } from '../store/events.ts';
import { failureCause, type FailureCause } from '../store/failure-cause.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { Rows } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { channelsAtOnce, channelsFor, channelsOnRecovery } from './routing.ts';
import type { AlertCause } from './routing.ts';
import { objectiveBroken, readStory, toldOf, troubleWith } from './story.ts';
import type { Family, Story, Subject, Trouble } from './story.ts';

export type RunNote = {
  readonly plan: string;
  readonly kind: RunKind;
  /** Of a copy, where to. */
  readonly repository?: string | undefined;
  /** Undefined where the run has no row of its own, as the care of a repository. */
  readonly runId: RunId | undefined;
  readonly outcome: RunOutcome;
  readonly reason?: string | undefined;
  readonly code?: ErrorCode | undefined;
  /** It is tried again when it failed, and nobody is told yet. */
  readonly isTriedAgain: boolean;
};

/** @returns true when somebody is to be told. Twice for one run is once. */
export async function noteRunEnd(rows: Rows, alerts: Config['alerts'], note: RunNote): Promise<boolean> {
  const { runId, outcome, reason, code } = note;
  const isBad = outcome === 'failed' || outcome === 'lost';
  const isGood = outcome === 'success' || outcome === 'warning';
  if ((isBad && note.isTriedAgain) || (!isBad && !isGood)) return false;
  const subject = subjectOf(note);
  const story = await readStory(rows, subject);
  const trouble = troubleWith(story.troubles, subject);
  const about = { outcome, ...(reason !== undefined && { reason }), ...(code !== undefined && { code }), runId };
  if (isGood) return trouble !== undefined && (await noteRecovery(rows, alerts, subject, { story, trouble, about }));
  const { last } = story;
  if (runId !== undefined && last?.runId === runId && last.detail['repository'] === subject.repository) return false;
  return await noteTrouble(rows, alerts, subject, { story, trouble, about, causes: causesOf(note) });
}

/** What the daemon noticed about a plan. @returns true when somebody is to be told */
export async function noteNotice(
  rows: Rows,
  alerts: Config['alerts'],
  notice: Pick<RunNote, 'plan' | 'kind' | 'repository'> & { readonly code: string; readonly runId?: RunId | undefined },
): Promise<boolean> {
  const { code, plan, runId } = notice;
  const causes = noticeCauses[code] ?? [];
  const subject = subjectOf(notice);
  if (code === objectiveBroken) {
    const story = await readStory(rows, subject);
    const trouble = troubleWith(story.troubles, subject);
    return await noteTrouble(rows, alerts, subject, { story, trouble, about: { runId }, causes });
  }
  const channels = channelsFor(alerts, causes);
  await recordEvent(rows, { code, plan, detail: { causes }, ...(runId !== undefined && { runId }) }, channels);
  return channels.length > 0;
}

type About = {
  readonly runId: RunId | undefined;
  readonly outcome?: RunOutcome;
  readonly reason?: string;
  readonly code?: string;
};
type Known = { readonly story: Story; readonly about: About };

/** What is said of every trouble. Who heard of one hears of it again when it is graver than it was. */
const general: ReadonlySet<AlertCause> = new Set<AlertCause>(['failed', 'objective_broken', 'copy_late']);

async function noteTrouble(
  rows: Rows,
  alerts: Config['alerts'],
  subject: Subject,
  {
    story,
    trouble,
    about,
    causes,
  }: Known & { readonly trouble: Trouble | undefined; readonly causes: readonly AlertCause[] },
): Promise<boolean> {
  const told = trouble === undefined ? undefined : await toldOf(rows, subject, trouble);
  const nowMs = await rows.nowMs();
  const fresh = causes.filter((cause) => trouble?.causes.includes(cause) !== true);
  const grave = fresh.filter((cause) => !general.has(cause));
  const graver = new Set(channelsAtOnce(alerts, grave));
  const channels = channelsAtOnce(alerts, fresh).filter((name) => told?.has(name) !== true || graver.has(name));
  const now: Trouble = {
    repository: subject.repository,
    sinceMs: trouble?.sinceMs ?? nowMs,
    afterEvent: trouble?.afterEvent ?? story.last?.id ?? 0,
    causes: [...new Set([...(trouble?.causes ?? []), ...causes])],
    reason: about.reason ?? trouble?.reason,
  };
  const open = [...story.troubles.filter((other) => other !== trouble), now];
  const isObjective = subject.family === 'run' && causes.includes('objective_broken');
  const code = isObjective ? objectiveBroken : `${subject.family}.failed`;
  await record(rows, subject, { code, about, causes, open }, channels);
  return channels.length > 0;
}

async function noteRecovery(
  rows: Rows,
  alerts: Config['alerts'],
  subject: Subject,
  { story, trouble, about }: Known & { readonly trouble: Trouble },
): Promise<boolean> {
  const told = await toldOf(rows, subject, trouble);
  const channels = channelsOnRecovery(alerts, trouble.causes, new Set(told.keys()));
  const open = story.troubles.filter((other) => other !== trouble);
  await record(rows, subject, { code: `${subject.family}.recovered`, about, causes: ['recovered'], open }, channels);
  return channels.length > 0;
}

type Telling = {
  readonly code: string;
  readonly about: About;
  readonly causes: readonly AlertCause[];
  readonly open: readonly Trouble[];
};

async function record(
  rows: Rows,
  { plan, repository }: Subject,
  { code, about, causes, open }: Telling,
  channels: readonly string[],
): Promise<void> {
  const { runId, ...words } = about;
  const detail = { ...words, causes, ...(repository !== undefined && { repository }), open };
  await recordEvent(rows, { code, plan, detail, ...(runId !== undefined && { runId }) }, channels);
}

/** That tries are used up is told by the run that failed last. */
const noticeCauses: Readonly<Record<string, readonly AlertCause[]>> = {
  [objectiveBroken]: ['objective_broken'],
  'run.overrun': ['late'],
  'plan.clock_was_ahead': ['unknown'],
};

function subjectOf({ plan, kind, repository }: Pick<RunNote, 'plan' | 'kind' | 'repository'>): Subject {
  const family = familyOf(kind);
  return family === 'copy' ? { plan, family, repository } : { plan, family };
}

function familyOf(kind: RunKind): Family {
  if (kind === 'backup') return 'run';
  return kind === 'copy' ? 'copy' : 'care';
}

const alertsOf: { readonly [Cause in FailureCause]?: readonly AlertCause[] } = {
  guard: ['source_empty'],
  hash_mismatch: ['hash_mismatch', 'integrity'],
  integrity: ['integrity'],
  lock: ['locked'],
  space: ['capacity'],
};

/** Whatever the reason, it failed; and what was not copied is late. */
function causesOf({ kind, outcome, code }: RunNote): readonly AlertCause[] {
  const cause = failureCause(outcome, code);
  return ['failed', ...(kind === 'copy' ? (['copy_late'] as const) : []), ...((cause && alertsOf[cause]) ?? [])];
}

/** Writes down, as an event of its plan, that a trouble began, became graver or is over, and whom that concerns. */
import type { Config } from '../config/config.ts';
import { recordEvent } from '../store/events.ts';
import type { RunOutcome } from '../store/runs.ts';
import type { Rows } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { isNews } from './gravity.ts';
import { channelsAtOnce, channelsOnRecovery } from './routing.ts';
import type { AlertCause } from './routing.ts';
import { toldOf } from './story.ts';
import type { Story, Subject, Told, Trouble } from './story.ts';

type About = {
  readonly runId: RunId | undefined;
  readonly outcome?: RunOutcome;
  readonly reason?: string;
  readonly code?: string;
};
type Known = { readonly story: Story; readonly about: About };
type Found = Known & {
  /** The code of the event. */
  readonly event: string;
  readonly trouble: Trouble | undefined;
  readonly causes: readonly AlertCause[];
};

/** Who heard of it hears of it again when it is graver than it was. @returns true when somebody is to be told */
export async function noteTrouble(
  rows: Rows,
  alerts: Config['alerts'],
  subject: Subject,
  { event, story, trouble, about, causes }: Found,
): Promise<boolean> {
  const told = trouble === undefined ? noTold : await toldOf(rows, subject, trouble);
  const nowMs = await rows.nowMs();
  const fresh = causes.filter((cause) => trouble?.causes.includes(cause) !== true);
  const channels = channelsAtOnce(alerts, fresh).filter((name) =>
    fresh.some((cause) => channelsAtOnce(alerts, [cause]).includes(name) && isNews(cause, told.get(name))),
  );
  const count = (trouble?.count ?? 0) + (about.outcome === undefined ? 0 : 1);
  const now: Trouble = {
    repository: subject.repository,
    sinceMs: trouble?.sinceMs ?? nowMs,
    afterEvent: trouble?.afterEvent ?? story.last?.id ?? 0,
    causes: [...new Set([...(trouble?.causes ?? []), ...causes])],
    reason: about.reason ?? trouble?.reason,
    count: count === 0 ? undefined : count,
  };
  const open = [...story.troubles.filter((other) => other !== trouble), now];
  const more = count > 1 ? { count } : {};
  await record(rows, subject, { event, about, more, causes, open }, channels);
  return channels.length > 0;
}

const noTold: ReadonlyMap<string, Told> = new Map();

/** @returns true when somebody is to be told */
export async function noteRecovery(
  rows: Rows,
  alerts: Config['alerts'],
  subject: Subject,
  { story, trouble, about }: Known & { readonly trouble: Trouble },
): Promise<boolean> {
  const told = await toldOf(rows, subject, trouble);
  const channels = channelsOnRecovery(alerts, trouble.causes, new Set(told.keys()));
  const open = story.troubles.filter((other) => other !== trouble);
  const event = `${subject.family}.recovered`;
  await record(rows, subject, { event, about, more: { of: trouble.causes }, causes: ['recovered'], open }, channels);
  return channels.length > 0;
}

type Telling = {
  readonly event: string;
  readonly about: About;
  readonly more: Readonly<Record<string, unknown>>;
  readonly causes: readonly AlertCause[];
  readonly open: readonly Trouble[];
};

async function record(
  rows: Rows,
  { plan, repository }: Subject,
  { event, about, more, causes, open }: Telling,
  channels: readonly string[],
): Promise<void> {
  const { runId, ...words } = about;
  const detail = { ...words, ...more, causes, ...(repository !== undefined && { repository }), open };
  await recordEvent(rows, { code: event, plan, detail, ...(runId !== undefined && { runId }) }, channels);
}

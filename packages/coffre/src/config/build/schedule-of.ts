/** The one place where the configuration's words for time become the schedule's. */
import { parseCron } from '../../schedule/cron.ts';
import { parseEvery, parseOnce } from '../../schedule/parse-trigger.ts';
import type {
  ClockTrigger,
  EventTrigger,
  ScheduleSpec,
  Trigger,
  Window,
  ZoneName,
} from '../../schedule/schedule-spec.ts';
import { parseWindow } from '../../schedule/window.ts';
import type { ConfigDocument } from '../schema/document.ts';
import { timesTrigger, timetableTrigger } from '../values/schedule-text.ts';

type ScheduleText = NonNullable<ConfigDocument['plans'][string]['schedule']>;
export type ScheduleRest = Pick<ScheduleSpec, 'jitterMs' | 'catchUp' | 'enabled'>;

export function scheduleOf(written: ScheduleText | undefined, zone: ZoneName, rest: ScheduleRest): ScheduleSpec {
  if (written === undefined) return { triggers: [], full: [], windows: [], ...rest };
  if (typeof written === 'string') {
    return { triggers: [timetableTrigger(written, zone)], full: [], windows: [], ...rest };
  }
  const own = written.timezone ?? zone;
  const { full } = written;
  const fullTriggers =
    full === undefined
      ? []
      : typeof full === 'string'
        ? [timetableTrigger(full, own)]
        : full.cron.map((text) => parseCron(text, own));
  return {
    triggers: [...clockTriggers(written, own), ...eventTriggers(written)],
    full: fullTriggers,
    windows: windowsOf(written.window, own),
    ...rest,
  };
}

type ScheduleKeys = Exclude<ScheduleText, string>;

function clockTriggers(written: ScheduleKeys, zone: ZoneName): ClockTrigger[] {
  return [
    ...(written.cron ?? []).map((text) => parseCron(text, zone)),
    ...(written.every === undefined ? [] : [parseEvery(written.every)]),
    ...(written.at ?? []).map((text) => timesTrigger(text, zone)),
    ...(written.once === undefined ? [] : [parseOnce(written.once, zone)]),
  ];
}

const usualChange = { settleMs: 2000, atMostMs: 30_000 };

function eventTriggers(written: ScheduleKeys): Trigger[] {
  const change = written.on_change;
  const found: EventTrigger[] = (written.after ?? []).map((plan) => ({ kind: 'after', plan }));
  if (change === true) found.push({ kind: 'on_change', ...usualChange });
  else if (typeof change === 'object') {
    found.push({ kind: 'on_change', settleMs: change.settle, atMostMs: change.at_most });
  }
  if (written.webhook === true) found.push({ kind: 'webhook' });
  for (const { use, settings, settle, at_most } of written.trigger ?? []) {
    found.push({ kind: 'extension', use, settings, settleMs: settle, atMostMs: at_most });
  }
  return found;
}

export function windowsOf(texts: readonly string[] | undefined, zone: ZoneName): readonly Window[] {
  return (texts ?? []).map((text) => parseWindow(text, zone));
}

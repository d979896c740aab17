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

/** Of many plans many are due at the same times: what the same words mean is there once. */
export class TriggerReader {
  readonly #known = new Map<string, ClockTrigger>();

  cron(text: string, zone: ZoneName): ClockTrigger {
    return this.#once(`cron ${zone} ${text}`, () => parseCron(text, zone));
  }

  timetable(text: string, zone: ZoneName): ClockTrigger {
    return this.#once(`timetable ${zone} ${text}`, () => timetableTrigger(text, zone));
  }

  times(text: string, zone: ZoneName): ClockTrigger {
    return this.#once(`times ${zone} ${text}`, () => timesTrigger(text, zone));
  }

  #once(words: string, read: () => ClockTrigger): ClockTrigger {
    const known = this.#known.get(words);
    if (known !== undefined) return known;
    const trigger = read();
    this.#known.set(words, trigger);
    return trigger;
  }
}

export function scheduleOf(
  written: ScheduleText | undefined,
  { zone, triggers }: { readonly zone: ZoneName; readonly triggers: TriggerReader },
  rest: ScheduleRest,
): ScheduleSpec {
  if (written === undefined) return { triggers: [], full: [], windows: [], ...rest };
  if (typeof written === 'string') {
    return { triggers: [triggers.timetable(written, zone)], full: [], windows: [], ...rest };
  }
  const own = written.timezone ?? zone;
  const { full } = written;
  const fullTriggers =
    full === undefined
      ? []
      : typeof full === 'string'
        ? [triggers.timetable(full, own)]
        : full.cron.map((text) => triggers.cron(text, own));
  return {
    triggers: [...clockTriggers(written, own, triggers), ...eventTriggers(written)],
    full: fullTriggers,
    windows: windowsOf(written.window, own),
    ...rest,
  };
}

type ScheduleKeys = Exclude<ScheduleText, string>;

function clockTriggers(written: ScheduleKeys, zone: ZoneName, triggers: TriggerReader): ClockTrigger[] {
  return [
    ...(written.cron ?? []).map((text) => triggers.cron(text, zone)),
    ...(written.every === undefined ? [] : [parseEvery(written.every)]),
    ...(written.at ?? []).map((text) => triggers.times(text, zone)),
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

/**
 * The slots of a schedule found the slow way, to compare with: a clock that goes through every minute and looks at a
 * wall clock, as the cron daemon does. It shares nothing with the code under test: it reads the lines itself and asks
 * `Temporal` for local time.
 */

/** What a wall clock and the calendar beside it show. */
export type Shown = { minute: number; hour: number; day: number; month: number; weekday: number; lastDay: number };

export type WalkedJob =
  | { readonly kind: 'cron'; readonly line: string }
  /** `1st Sat 07:00` in parts, so that no words have to be read. */
  | { readonly kind: 'times'; readonly times: readonly string[]; readonly onDay: (shown: Shown) => boolean }
  | { readonly kind: 'every'; readonly minutes: number };

const minuteMs = 60_000;
/** Every change of a clock in this century falls on a quarter of an hour. */
const askEveryMinutes = 15;

/** For each job the instants after `fromMs` up to `toMs` (whole minutes) at which it is due in a zone. */
export function walkMinutes(zone: string, jobs: readonly WalkedJob[], fromMs: number, toMs: number): number[][] {
  const due: number[][] = jobs.map(() => []);
  const isDueAt = jobs.map(predicateOf);
  const follows = jobs.map((job) => job.kind === 'cron' && /^(\*|\S+ \*)/.test(job.line));
  let offsetMinutes = offsetAt(zone, fromMs);
  // The furthest that the wall clock ever showed: what lies behind it was due already, what it leaps over is due now.
  let furthest = fromMs / minuteMs + offsetMinutes;
  const showing = clockFace();
  for (let minute = fromMs / minuteMs + 1; minute <= toMs / minuteMs; minute += 1) {
    if (minute % askEveryMinutes === 0) offsetMinutes = offsetAt(zone, minute * minuteMs);
    const wall = minute + offsetMinutes;
    const found = jobs.map((job) => job.kind === 'every' && minute % job.minutes === 0);
    for (let passed = Math.min(wall, furthest + 1); passed <= wall; passed += 1) {
      const shown = showing(passed);
      for (let index = 0; index < jobs.length; index += 1) {
        const counts = follows[index] === true ? passed === wall : passed > furthest;
        if (counts && isDueAt[index]!(shown)) found[index] = true;
      }
    }
    furthest = Math.max(furthest, wall);
    for (let index = 0; index < jobs.length; index += 1) if (found[index] === true) due[index]!.push(minute * minuteMs);
  }
  return due;
}

function offsetAt(zone: string, instantMs: number): number {
  return Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zone).offsetNanoseconds / 60e9;
}

/** Local time is counted in minutes; the date of the last day asked for is kept. */
function clockFace(): (wall: number) => Shown {
  let known = Number.NaN;
  let shown: Shown = { minute: 0, hour: 0, day: 0, month: 0, weekday: 0, lastDay: 0 };
  return (wall) => {
    const day = Math.floor(wall / 1440);
    if (day !== known) {
      const date = Temporal.PlainDate.from('1970-01-01').add({ days: day });
      known = day;
      shown = { ...shown, day: date.day, month: date.month, weekday: date.dayOfWeek % 7, lastDay: date.daysInMonth };
    }
    shown.hour = Math.floor((wall - day * 1440) / 60);
    shown.minute = wall - day * 1440 - shown.hour * 60;
    return shown;
  };
}

function predicateOf(job: WalkedJob): (shown: Shown) => boolean {
  switch (job.kind) {
    case 'every':
      return () => false;
    case 'times': {
      const times = new Set(job.times);
      return (shown) => times.has(`${two(shown.hour)}:${two(shown.minute)}`) && job.onDay(shown);
    }
    case 'cron':
      return cronPredicate(job.line);
    default:
      return job satisfies never;
  }
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Numbers, `*`, ranges, lists, steps, `L`, `n#k` and `nL`; no names. */
function cronPredicate(line: string): (shown: Shown) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = line.split(' ');
  const minutes = table(minute, 60);
  const hours = table(hour, 24);
  const months = table(month, 13);
  const days = table(day, 32);
  const weekdays = table(weekday, 8);
  const eitherWay = !day.startsWith('*') && !weekday.startsWith('*');
  const isDay = (shown: Shown): boolean => days[shown.day]! || (/\bL\b/.test(day) && shown.day === shown.lastDay);
  const isWeekday = (shown: Shown): boolean =>
    weekdays[shown.weekday]! ||
    (shown.weekday === 0 && weekdays[7]!) ||
    weekday.split(',').includes(`${shown.weekday}#${Math.floor((shown.day - 1) / 7) + 1}`) ||
    (shown.day > shown.lastDay - 7 && weekday.split(',').includes(`${shown.weekday}L`));
  return (shown) =>
    minutes[shown.minute]! &&
    hours[shown.hour]! &&
    months[shown.month]! &&
    (eitherWay ? isDay(shown) || isWeekday(shown) : isDay(shown) && isWeekday(shown));
}

function table(field: string, size: number): boolean[] {
  const first = size === 13 || size === 32 ? 1 : 0;
  return Array.from({ length: size }, (_, value) =>
    field.split(',').some((item) => {
      const found = /^(\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(item);
      if (found === null || value < first) return false;
      const [, range, from = String(first), to, step] = found;
      const start = Number(from);
      const end = range === '*' ? size - 1 : to !== undefined ? Number(to) : step === undefined ? start : size - 1;
      return value >= start && value <= end && (value - start) % Number(step ?? 1) === 0;
    }),
  );
}

/** Schedules as people write them, drawn from a seed, each with what the minute walker has to look for. */
import { parseCron } from '../cron.ts';
import { parseEvery, parseTrigger } from '../parse-trigger.ts';
import type { ClockTrigger, ZoneName } from '../schedule-spec.ts';
import type { Shown, WalkedJob } from './minute-walker.ts';

/** Thirty zones: every kind of rule that is in use, half hours, quarters, both hemispheres, and none at all. */
export const sampleZones: readonly string[] = [
  'Europe/Paris',
  'Europe/London',
  'Europe/Dublin',
  'Europe/Istanbul',
  'Europe/Moscow',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Africa/Lagos',
  'Asia/Kathmandu',
  'Asia/Kolkata',
  'Asia/Tehran',
  'Asia/Gaza',
  'Asia/Beirut',
  'Asia/Tokyo',
  'Asia/Pyongyang',
  'America/New_York',
  'America/Los_Angeles',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Santiago',
  'America/Havana',
  'America/Nuuk',
  'America/Caracas',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Norfolk',
  'Antarctica/Troll',
  'UTC',
];

/** What `createSeededRandom` of the library gives to tests. */
export type Dice = {
  integer(below: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
};

export type SamplePlan = { readonly trigger: ClockTrigger; readonly job: WalkedJob };

const weekdayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const ordinals = ['1st', '2nd', '3rd', '4th', '5th'];

export function samplePlan(random: Dice, zone: ZoneName): SamplePlan {
  if (random.chance(0.1)) {
    const minutes = random.pick([7, 45, 60, 90, 360, 720, 1440, 10_080]);
    return { trigger: parseEvery(`${minutes}m`), job: { kind: 'every', minutes } };
  }
  if (random.chance(0.3)) return timesPlan(random, zone);
  const line = cronLine(random);
  return { trigger: parseCron(line, zone), job: { kind: 'cron', line } };
}

/** More often than not in the small hours, where clocks change. */
function cronLine(random: Dice): string {
  const minute = random.pick(['0', '30', '0,30', '15', '59', '*/20', '10-40/15', '5/25', String(random.integer(60))]);
  const hour = random.pick(['*', '2', '1-3', '0', '2,3', '*/2', '23', '0-23', '1,2,3,4', String(random.integer(24))]);
  const day = random.pick(['*', '*', '*', '*', '1', '13', '31', 'L', '15,L', '*/3']);
  const month = random.pick(['*', '*', '*', '*', '3,10', '2', '*/3']);
  const weekday = random.pick(['*', '*', '*', '0', '7', '1-5', '5-7', '6#1', '5L', '1#5,3']);
  // The 31st of February only: refused, and rightly so.
  return month === '2' && day === '31' && weekday === '*'
    ? cronLine(random)
    : [minute, hour, day, month, weekday].join(' ');
}

function timesPlan(random: Dice, zone: ZoneName): SamplePlan {
  const times = ['00:00', '00:30', '01:45', '02:00', '02:30', '03:00', '12:00', '23:30'].filter(() =>
    random.chance(0.3),
  );
  if (times.length === 0) times.push('02:15');
  const weekday = random.integer(7);
  const nth = random.integer(5);
  const monthDay = 1 + random.integer(31);
  const [words, onDay] = random.pick<[string, (shown: Shown) => boolean]>([
    ['', () => true],
    ['weekdays ', (shown) => shown.weekday % 6 !== 0],
    [`${weekdayNames[weekday]} `, (shown) => shown.weekday === weekday],
    [
      `${ordinals[nth]} ${weekdayNames[weekday]} `,
      (shown) => shown.weekday === weekday && Math.floor((shown.day + 6) / 7) === nth + 1,
    ],
    [`last ${weekdayNames[weekday]} `, (shown) => shown.weekday === weekday && shown.day > shown.lastDay - 7],
    ['last day ', (shown) => shown.day === shown.lastDay],
    [`${monthDay}th `, (shown) => shown.day === monthDay],
  ]);
  return { trigger: parseTrigger(`${words}${times.join(', ')}`, zone), job: { kind: 'times', times, onDay } };
}

/** The words of schedule sentences, language by language. */
export type Language = 'en' | 'fr';

export type Phrases = {
  readonly days: readonly string[];
  readonly shortDays: readonly string[];
  readonly months: readonly string[];
  readonly shortMonths: readonly string[];
  readonly and: string;
  readonly at: string;
  readonly ifAlso: string;
  readonly everyDay: string;
  readonly weekdays: string;
  readonly lastDay: string;
  readonly everyHour: string;
  readonly everyMinute: string;
  readonly never: string;
  readonly disabled: string;
  readonly webhook: string;
  readonly command: string;
  readonly monthDay: (day: number) => string;
  readonly nthWeekday: (nth: number, weekday: number) => string;
  readonly inMonths: (months: string) => string;
  readonly inHours: (hours: string) => string;
  readonly atMinutes: (minutes: string) => string;
  readonly every: (period: string) => string;
  readonly once: (utc: string) => string;
  readonly onChange: (settle: string, atMost: string) => string;
  readonly after: (plan: string) => string;
  readonly extension: (name: string, settle: string) => string;
  readonly full: (when: string) => string;
  readonly window: (windows: string) => string;
  readonly jitter: (most: string) => string;
  readonly duration: (durationMs: number) => string;
};

export function phrasesOf(language: Language): Phrases {
  return language === 'fr' ? french : english;
}

const units: readonly (readonly [sizeMs: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
  [1, 'ms'],
];

/** `1 d 12 h`. */
function durationText(durationMs: number, day: string): string {
  let restMs = durationMs;
  const parts: string[] = [];
  for (const [sizeMs, unit] of units) {
    const count = Math.floor(restMs / sizeMs);
    restMs -= count * sizeMs;
    if (count > 0) parts.push(`${count} ${unit === 'd' ? day : unit}`);
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

const ordinals = ['', '1st', '2nd', '3rd'];
const englishOrdinal = (value: number): string =>
  value > 20 && value % 10 < 4 && value % 10 > 0
    ? `${Math.floor(value / 10)}${ordinals[value % 10]!}`
    : (ordinals[value] ?? `${value}th`);

const english: Phrases = {
  days: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
  shortDays: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'],
  months: 'January February March April May June July August September October November December'.split(' '),
  shortMonths: 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' '),
  and: 'and',
  at: 'at',
  ifAlso: ' that is also ',
  everyDay: 'every day',
  weekdays: 'Monday to Friday',
  lastDay: 'the last day of the month',
  everyHour: 'every hour',
  everyMinute: 'every minute',
  never: 'never by itself',
  disabled: 'switched off',
  webhook: 'when its webhook is called',
  command: 'when it is asked for',
  monthDay: (day) => `the ${englishOrdinal(day)}`,
  nthWeekday: (nth, weekday) =>
    `the ${nth === -1 ? 'last' : englishOrdinal(nth)} ${english.days[weekday]!} of the month`,
  inMonths: (months) => `in ${months}`,
  inHours: (hours) => `in hours ${hours}`,
  atMinutes: (minutes) => `at minute ${minutes}`,
  every: (period) => `every ${period}`,
  once: (utc) => `once, on ${utc} UTC`,
  onChange: (settle, atMost) => `when something changed and then ${settle} nothing, after ${atMost} at the latest`,
  after: (plan) => `after ${plan} succeeded`,
  extension: (name, settle) => `when the trigger ${name} fired and then for ${settle} not`,
  full: (when) => `reading everything again ${when}`,
  window: (windows) => `starting only ${windows}`,
  jitter: (most) => `up to ${most} later, always by the same delay`,
  duration: (durationMs) => durationText(durationMs, 'd'),
};

const frenchOrdinal = (value: number): string => (value === 1 ? '1er' : `${value}e`);

const french: Phrases = {
  days: ['dimanche', 'lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'samedi'],
  shortDays: ['dim.', 'lun.', 'mar.', 'mer.', 'jeu.', 'ven.', 'sam.'],
  months: 'janvier février mars avril mai juin juillet août septembre octobre novembre décembre'.split(' '),
  shortMonths: 'janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.'.split(' '),
  and: 'et',
  at: 'à',
  ifAlso: ' qui est aussi ',
  everyDay: 'tous les jours',
  weekdays: 'du lundi au vendredi',
  lastDay: 'le dernier jour du mois',
  everyHour: 'toutes les heures',
  everyMinute: 'toutes les minutes',
  never: 'jamais de soi-même',
  disabled: 'désactivé',
  webhook: 'quand son webhook est appelé',
  command: 'sur demande',
  monthDay: (day) => `le ${day === 1 ? '1er' : String(day)}`,
  nthWeekday: (nth, weekday) => `le ${nth === -1 ? 'dernier' : frenchOrdinal(nth)} ${french.days[weekday]!} du mois`,
  inMonths: (months) => `en ${months}`,
  inHours: (hours) => `aux heures ${hours}`,
  atMinutes: (minutes) => `à la minute ${minutes}`,
  every: (period) => `toutes les ${period}`,
  once: (utc) => `une fois, le ${utc} UTC`,
  onChange: (settle, atMost) => `après un changement suivi de ${settle} de calme, au plus tard après ${atMost}`,
  after: (plan) => `après le succès de ${plan}`,
  extension: (name, settle) => `quand le déclencheur ${name} s’est manifesté puis s’est tu pendant ${settle}`,
  full: (when) => `en relisant tout ${when}`,
  window: (windows) => `départ seulement ${windows}`,
  jitter: (most) => `jusqu'à ${most} plus tard, toujours du même délai`,
  duration: (durationMs) => durationText(durationMs, 'j'),
};

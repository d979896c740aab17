/** Amounts as people write them. Every reader gives a number in one unit, or the sentence that says what is wrong. */

/** A value, or what to tell who wrote it: the rest of a sentence that begins with the place. */
export type Read<T> =
  | { readonly value: T; readonly problem?: never }
  | { readonly problem: string; readonly hint?: string | undefined; readonly value?: never };

const timeUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `30s`, `10m`, `1h30m`, `90d`, `2w`: milliseconds. `m` is a minute; months have no length. */
export function readDurationMs(text: string): Read<number> {
  const pieces = [
    ...text.matchAll(/(\d{1,12}(?:\.\d{1,6})?) ?(ms|min|s|m|h|d|w)(?![a-z])|(\d{1,12}) ?(ms|min|s|m|h|d|w)/g),
  ];
  const ms = pieces.reduce(
    (sum, piece) => sum + Number(piece[1] ?? piece[3]) * timeUnitsMs[piece[2] ?? piece[4] ?? '']!,
    0,
  );
  if (pieces.length === 0 || pieces.map(([piece]) => piece).join('') !== text.replaceAll(/(?<=[a-z]) (?=\d)/g, ''))
    return { problem: 'must be a duration such as 30s, 10m, 3h or 90d' };
  if (ms > 3_155_760_000_000) return { problem: 'must be shorter than 100 years' };
  return { value: Math.round(ms) };
}

/** How long a snapshot stays, by the calendar: months and years have their own length. */
export type CalendarSpan = {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
};

/** `7d`, `36h`, `1y6mo`, `2w`. `m` is refused: restic reads it as months and everybody else as minutes. */
export function readCalendarSpan(text: string): Read<CalendarSpan> {
  const pieces = [...text.matchAll(/(\d{1,6})(y|mo|w|d|h)/g)];
  const total = (unit: string): number =>
    pieces.filter((piece) => piece[2] === unit).reduce((sum, piece) => sum + Number(piece[1]), 0);
  if (/\dm(?!o)/.test(text)) return { problem: 'cannot use `m`: write 1mo for a month' };
  if (pieces.length === 0 || pieces.map(([piece]) => piece).join('') !== text)
    return { problem: 'must be a time such as 36h, 7d, 2w, 6mo or 1y' };
  return { value: { years: total('y'), months: total('mo'), days: total('w') * 7 + total('d'), hours: total('h') } };
}

const sizeUnits: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `60 GB` counts in thousands, `60 GiB` and restic's `60G` in 1024: bytes. */
export function readSizeBytes(text: string): Read<number> {
  const found = /^(\d{1,15}(?:\.\d{1,6})?) ?([kmgtp]?)(i?b|)$/i.exec(text);
  const power = sizeUnits[(found?.[2] ?? '').toLowerCase()] ?? 0;
  if (found === null || (power === 0 && /^i/i.test(found[3]!)))
    return { problem: 'must be a size such as 500 MB, 60 GB or 2 TiB' };
  const bytes = Number(found[1]) * (/^b$/i.test(found[3]!) ? 1000 : 1024) ** power;
  if (bytes > Number.MAX_SAFE_INTEGER) return { problem: 'is more than any disk holds' };
  return { value: Math.round(bytes) };
}

/** `20 Mbit/s`, `5 MB/s`, `512 KiB/s`: bytes per second. */
export function readBytesPerSecond(text: string): Read<number> {
  const problem = 'must be a rate such as 20 Mbit/s or 512 KiB/s';
  const bits = /^(\d{1,12}(?:\.\d{1,6})?) ?([kmg]?)bit\/s$/i.exec(text);
  if (bits !== null) {
    const rate = Math.floor((Number(bits[1]) * 1000 ** sizeUnits[bits[2]!.toLowerCase()]!) / 8);
    return rate > 0 ? { value: rate } : { problem };
  }
  const size = text.endsWith('/s') ? readSizeBytes(text.slice(0, -2)) : { problem };
  return size.value === undefined || size.value === 0 ? { problem } : size;
}

/** `40%`: 40. More than 100 is meant where things grow. */
export function readPercent(text: string): Read<number> {
  const found = /^(\d{1,6}(?:\.\d{1,3})?) ?%$/.exec(text);
  return found === null ? { problem: 'must be a percentage such as 80%' } : { value: Number(found[1]) };
}

export type Share = { readonly percent: number; readonly perMs: number };

/** `2% per day`. */
export function readShare(text: string): Read<Share> {
  const found = /^(.+?) (?:per|a) (hour|day|week|month)$/.exec(text);
  const percent = readPercent(found?.[1] ?? '').value;
  if (found === null || percent === undefined || percent > 100)
    return { problem: 'must be a share of the data such as 2% per day' };
  const days = { hour: 1 / 24, day: 1, week: 7, month: 30 }[found[2] as 'hour' | 'day' | 'week' | 'month'];
  return { value: { percent, perMs: days * 86_400_000 } };
}

/** Option values as text become values here, or a usage error that names what was given. */
import { CoffreError } from '@coffre/repository/opening';

export function usage(message: string, hint?: string): CoffreError {
  return new CoffreError('USAGE', message, hint === undefined ? {} : { hint });
}

const sizeUnits: Readonly<Record<string, bigint>> = { b: 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n, t: 1n << 40n };

/** `500`, `10k`, `3G`: bytes, in powers of 1024. */
export function parseSize(text: string, option: string): number {
  const found = /^([+-]?\d+)([bkmgt]?)$/i.exec(text);
  const unit = sizeUnits[(found?.[2] ?? '').toLowerCase() || 'b'];
  if (found?.[1] === undefined || unit === undefined) {
    throw usage(
      `${option} needs a size, not ${JSON.stringify(text)}`,
      'Write a number with k, M, G or T after it: 500M.',
    );
  }
  const size = BigInt(found[1]) * unit;
  if (size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) throw usage(`${option}: the size ${text} is out of range`);
  return Number(size);
}

export function parseWholeNumber(text: string, option: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw usage(`${option} needs a whole number, not ${JSON.stringify(text)}`);
  return value;
}

/** Also below zero. */
export function parseInteger(text: string, option: string): number {
  return text.startsWith('-') ? -parseWholeNumber(text.slice(1), option) : parseWholeNumber(text, option);
}

const goUnitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's durations: `90s`, `5m`, `1h30m`, `1.5h`, `0`. */
export function parseDurationMs(text: string, option: string): number {
  const pieces = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (text === '0') return 0;
  if (pieces.length === 0 || pieces.map(([piece]) => piece).join('') !== text) {
    throw usage(`${option} needs a duration, not ${JSON.stringify(text)}`, 'Write it as 30s, 5m or 2h.');
  }
  return pieces.reduce((sum, [, number, unit]) => sum + Number(number) * (goUnitsMs[unit ?? ''] ?? 0), 0);
}

/** `2026-01-31 13:05:00` in local time. */
export function parseLocalTime(text: string, option: string): Date {
  const found = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(text);
  const instant = found === null ? undefined : localTime(found.slice(1).map(Number));
  if (instant === undefined) {
    throw usage(`${option} needs a time, not ${JSON.stringify(text)}`, "Write it as '2026-01-31 13:05:00'.");
  }
  return instant;
}

/** Undefined for a day or an hour that no calendar has. */
export function localTime(parts: readonly number[]): Date | undefined {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts;
  const instant = new Date(2000, 0, 1);
  instant.setFullYear(year, month - 1, day);
  instant.setHours(hour, minute, second, 0);
  const isReal =
    month >= 1 &&
    month <= 12 &&
    instant.getMonth() === month - 1 &&
    instant.getDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  return isReal ? instant : undefined;
}

/** Parses an enumeration, naming what is allowed. */
export function parseChoice<T extends string>(text: string, option: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw usage(`${option} cannot be ${JSON.stringify(text)}`, `Choose one of ${choices.join(', ')}.`);
  return found;
}

/** For commander: gathers a repeated option. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** One occurrence of `--tag a,b`: all of its tags together. The empty text is the list with the empty tag. */
export function splitTags(text: string): string[] {
  return text.split(',').map((tag) => tag.trim());
}

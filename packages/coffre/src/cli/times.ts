import { localTime, usage } from './values.ts';

const clock = String.raw`(?: (\d\d):(\d\d)(?::(\d\d))?)?(?: ([+-]\d{4}|UTC|GMT|Z))?`;
const yearFirst = new RegExp(String.raw`^(\d{4})-(\d\d)-(\d\d)${clock}$`);
const dayFirst = new RegExp(String.raw`^(\d\d)\.(\d\d)\.(\d{4})${clock}$`);

/** `2026-01-31`, `2026-01-31 13:05`, `31.01.2026 13:05:00 +0100`: local time unless a zone is given. */
export function parseLooseTime(text: string, option: string): Date {
  const [, year, month, day, hour = '0', minute = '0', second = '0', zone] =
    yearFirst.exec(text) ?? swapped(dayFirst.exec(text)) ?? [];
  const parts = [year, month, day, hour, minute, second].map(Number);
  const local = localTime(parts);
  if (local === undefined || year === undefined) {
    throw usage(
      `unable to parse time: ${JSON.stringify(text)}`,
      `Write ${option} as '2026-01-31' or '2026-01-31 13:05:00'.`,
    );
  }
  if (zone === undefined) return local;
  const [y = 0, mo = 1, d = 1, h = 0, mi = 0, s = 0] = parts;
  return new Date(Date.UTC(y, mo - 1, d, h, mi, s) - offsetMs(zone));
}

function swapped(found: RegExpExecArray | null): (string | undefined)[] | undefined {
  if (found === null) return undefined;
  const [whole, day, month, year, ...rest] = found;
  return [whole, year, month, day, ...rest];
}

function offsetMs(zone: string): number {
  const found = /^([+-])(\d\d)(\d\d)$/.exec(zone);
  if (found === null) return 0;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  return (found[1] === '-' ? -minutes : minutes) * 60_000;
}

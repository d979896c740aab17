/** The smallest pieces of the schema: texts that become values with a unit, and texts that hold secrets. */
import { z } from 'zod';
import {
  readBytesPerSecond,
  readCalendarSpan,
  readDurationMs,
  readPercent,
  readShare,
  readSizeBytes,
} from '../values/quantity.ts';
import type { Read } from '../values/quantity.ts';
import { readDueTime, readOnce, readTimeWindow, readTimetable, readTimeZone } from '../values/schedule-text.ts';
import { secretNamesIn } from '../variables.ts';

/** In the JSON Schema: how the value may hold secrets. */
export const secretMark = 'x-secret';
/** In the JSON Schema: what kind of text it is, for people. */
export const formatMark = 'x-format';

export function leaf<T>(format: string, read: (text: string) => Read<T>) {
  return z
    .string({ error: `must be ${format}` })
    .transform((text, context): T => {
      const found: Read<T> = text.includes('${secret:') ? { problem: 'cannot hold a secret' } : read(text);
      if (found.problem === undefined) return found.value;
      context.addIssue({ code: 'custom', message: found.problem, params: { hint: found.hint } });
      return z.NEVER;
    })
    .meta({ [formatMark]: format });
}

export const durationMs = leaf('a duration such as 30s, 10m, 3h or 90d', readDurationMs);
/** A time limit, which is no limit at nothing. */
export const limitMs = leaf('a duration such as 30s, 10m, 3h or 90d', (value) => {
  const found = readDurationMs(value);
  return found.value === 0 ? { problem: 'leaves no time at all', hint: 'Take it out for the usual limit.' } : found;
});
export const calendarSpan = leaf('a time such as 36h, 7d, 2w, 6mo or 1y', readCalendarSpan);
export const sizeBytes = leaf('a size such as 500 MB or 60 GB', readSizeBytes);
export const bytesPerSecond = leaf('a rate such as 20 Mbit/s', readBytesPerSecond);
export const percent = leaf('a percentage such as 80%', readPercent);
/** Of what can only become less. */
export const lossPercent = leaf('a percentage such as 80%', (value) => {
  const found = readPercent(value);
  return found.value !== undefined && found.value >= 100
    ? { problem: 'must be less than 100%', hint: 'Nothing shrinks by more.' }
    : found;
});
export const share = leaf('a share such as 2% per day', readShare);
export const timeWindow = leaf('a window such as 19:00-07:00', readTimeWindow);
export const timeZone = leaf('a time zone such as Europe/Paris', readTimeZone);
export const dueTime = leaf('a time of day such as 20:00 or 20:00Z', readDueTime);
export const localDateTime = leaf('a date and time such as 2026-08-20 14:00', readOnce);
/** A text that says it all, for jobs that need no more. */
export const timetable = leaf('a time such as daily, 02:30, Sun 05:00, 1st Sat 07:00 or a cron line', readTimetable);

export const flag = z.boolean({ error: 'must be true or false' });

export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** Some text without line breaks and control characters, never a secret. */
export const text = leaf('a text', (value) =>
  value.trim() === ''
    ? { problem: 'is empty' }
    : /[\u0000-\u001f\u007f]/.test(value)
      ? { problem: 'holds a control character' }
      : { value },
);

/** Several lines are well; a NUL never is. */
export const longText = leaf('a text', (value) =>
  value.trim() === ''
    ? { problem: 'is empty' }
    : value.includes('\0')
      ? { problem: 'holds a NUL character' }
      : { value },
);

/** Of a snapshot. Those of `coffre:` decide what is kept and what may go, and are ours to give. */
export const tag = leaf('a text', (value) =>
  value.startsWith('coffre:')
    ? { problem: 'begins with coffre:, as the tags do that say what a backup is', hint: 'Choose another word.' }
    : value.trim() === '' || /[\u0000-\u001f\u007f,]/.test(value)
      ? { problem: 'must be a word without commas and control characters' }
      : { value },
);

const nameShape = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;
const nameRule = 'must be a name of letters, digits, `.`, `_` and `-`, 64 at most';

export const name = leaf('a name', (value) => (nameShape.test(value) ? { value } : { problem: nameRule }));

/** Things by name, in the order of the file. */
export function named<T extends z.ZodType>(value: T) {
  return z.record(z.string().regex(nameShape, { error: nameRule }), value, {
    error: 'must be names, each with its settings',
  });
}

/** One of a closed list. */
export function word<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `must be ${words.length === 1 ? '' : 'one of '}${words.join(', ')}` });
}

export function list<T extends z.ZodType>(item: T, noun: string) {
  return z.array(item, { error: `must be a list of ${noun}` });
}

/** A program with its arguments; never a shell. */
export const argv = list(longText, 'words: the program and its arguments').min(1, {
  error: 'is empty: it needs a program',
});

/** A text that may refer to secrets; it is put together where it is used. */
export type Confidential = { readonly template: string; readonly secretNames: readonly string[] };

/** A field that is a secret as a whole: one reference and nothing else. */
export const secret = z
  .string({ error: 'must be a reference as ${secret:name}' })
  .transform((value, context): Confidential => {
    const [secretName] = secretNamesIn(value);
    if (secretName !== undefined && value === `\${secret:${secretName}}`)
      return { template: value, secretNames: [secretName] };
    context.addIssue({
      code: 'custom',
      message: 'is a secret and cannot be written into the file',
      params: { secret: true },
    });
    return z.NEVER;
  })
  .meta({
    [secretMark]: 'reference',
    writeOnly: true,
    pattern: '^\\$\\{secret:[^{}]+\\}$',
    [formatMark]: 'a reference such as ${secret:name}',
  });

/** A text with secrets in it, as an address with a password: the password must be a reference. */
export const withSecrets = z
  .string({ error: 'must be a text' })
  .transform((value, context): Confidential => {
    const problem =
      value.trim() === '' ? 'is empty' : /[\u0000-\u001f\u007f]/.test(value) ? 'holds a control character' : undefined;
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    if (holdsLiteralPassword(value))
      context.addIssue({
        code: 'custom',
        message: 'has a password in it, which cannot be written into the file',
        params: { secret: true, inside: true },
      });
    return { template: value, secretNames: secretNamesIn(value) };
  })
  .meta({ [secretMark]: 'inside', [formatMark]: 'a text that may hold ${secret:name}' });

/** Names that say that what stands there is secret. */
const secretName = /(pass(word|wd|phrase)?|token|secret|api_?key|private_?key|signing_?key)$/i;

/** What an extension understands; secrets in it are references, as everywhere. */
export const extensionSettings = z
  .record(z.string(), z.unknown(), { error: 'must be names, each with its setting' })
  .check((context) => {
    for (const { path, text: value, isSecret } of textsIn(context.value)) {
      if (secretNamesIn(value).length > 0 || !(isSecret || holdsLiteralPassword(value))) continue;
      const inside = !isSecret;
      const message = inside
        ? 'has a password in it, which cannot be written into the file'
        : 'is a secret and cannot be written into the file';
      context.issues.push({ code: 'custom', message, params: { secret: true, inside }, path: [...path], input: value });
    }
  })
  .prefault({})
  .meta({ [secretMark]: 'inside' });

type SettingText = { readonly path: readonly (string | number)[]; readonly text: string; readonly isSecret: boolean };

function textsIn(value: unknown, path: readonly (string | number)[] = [], isSecret = false): SettingText[] {
  if (typeof value === 'string') return value === '' ? [] : [{ path, text: value, isSecret }];
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, [...path, index], isSecret));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key], secretName.test(key)));
}

/** `scheme://user:password@host` and `?password=…`, where the password is anything but a reference. */
function holdsLiteralPassword(value: string): boolean {
  const login = /:\/\/([^:/@\s]*):((?:\$\{[^}]*\}|[^/\s])*)@/.exec(value);
  if (login !== null && login[2] !== '' && !/^\$\{secret:[^{}]+\}$/.test(login[2]!)) return true;
  const query = /[?&](?:password|passwd|pwd|token|secret|api_?key|access_?key)=([^&#]*)/i.exec(value);
  return query !== null && query[1] !== '' && !/^\$\{secret:[^{}]+\}$/.test(query[1]!);
}

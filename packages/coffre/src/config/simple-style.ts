/** The environment style: one source and one repository, said in a few variables instead of a file. */
import { commandWords, messageOf } from '@coffre/repository/opening';
import type { Located, LocatedMap } from './located.ts';
import type { Mistake, Place } from './mistake.ts';
import { nearest } from './suggestion.ts';
import type { ReadYaml } from './yaml-text.ts';

/** Variables with the place each came from: a line of `.env`, or the environment. */
export type PlacedVariables = ReadonlyMap<string, { readonly value: string; readonly place: Place }>;

/** Line 0: a place that has no lines. */
export const environmentPlace: Place = { file: 'environment', line: 0, column: 0 };
export const defaultPlace: Place = { file: 'default', line: 0, column: 0 };

const yes = new Set(['true', '1', 'yes', 'on']);
const no = new Set(['false', '0', 'no', 'off']);

/**
 * Undefined where BACKUP_SOURCE is not set. The outcome is what a file with the same meaning would give, so that it
 * is checked, shown and run like one.
 */
export function readSimpleStyle(variables: PlacedVariables): ReadYaml | undefined {
  const source = variables.get('BACKUP_SOURCE');
  if (source === undefined || source.value === '') return undefined;
  const mistakes: Mistake[] = [];
  const refuse = (name: string, message: string, hint?: string): void => {
    const place = variables.get(name)?.place ?? source.place;
    mistakes.push({ severity: 'error', place, path: [name], message: `${name} ${message}`, hint });
  };
  mistakes.push(...unknownNames(variables));
  const given = (name: string): string | undefined => variables.get(name)?.value || undefined;
  const placeOf = (name: string): Place => (given(name) === undefined ? defaultPlace : variables.get(name)!.place);
  const isOn = (name: string): boolean => {
    const text = (given(name) ?? 'true').toLowerCase();
    if (!yes.has(text) && !no.has(text)) refuse(name, `must be true or false, not ${JSON.stringify(text)}`);
    return !no.has(text);
  };
  const whole = (name: string, usual: number): number => {
    const text = given(name) ?? String(usual);
    const isGood = /^\d{1,9}$/.test(text) && Number(text) > 0;
    if (!isGood) refuse(name, `must be a whole number above 0, not ${JSON.stringify(text)}`);
    return isGood ? Number(text) : usual;
  };
  const text = (name: string, value: string | boolean): Located => {
    return { kind: 'scalar', place: placeOf(name), value };
  };

  const url = given('RESTIC_REPOSITORY');
  if (url === undefined) refuse('RESTIC_REPOSITORY', 'is not set', 'It says where the repository is, as for restic.');
  const hasLogin = /:\/\/[^/@\s]*:[^/@\s]+@/.test(url ?? '');
  const password = passwordSource(given, refuse);
  const fixed = (value: string | number): Located => ({ kind: 'scalar', place: source.place, value });
  const map = (entries: Readonly<Record<string, Located>>): LocatedMap => mapOf(entries, source.place);
  const plan = map({
    enabled: text('BACKUP_ENABLED', isOn('BACKUP_ENABLED')),
    sources: { kind: 'list', place: source.place, items: [fixed('here/data')] },
    to: fixed('main'),
    schedule: map({ every: text('BACKUP_INTERVAL', `${whole('BACKUP_INTERVAL', 3600)}s`) }),
    retention: map({
      main: map({ within: text('BACKUP_RETENTION_DAYS', `${whole('BACKUP_RETENTION_DAYS', 30)}d`) }),
    }),
  });
  const value = map({
    version: fixed(1),
    secrets: map({
      ...(password === undefined ? {} : { password: secretOf(password, variables.get(password.from)!.place) }),
      ...(hasLogin ? { address: map({ env: text('RESTIC_REPOSITORY', 'RESTIC_REPOSITORY') }) } : {}),
    }),
    repositories: map({
      main: map({
        // An address with a password in it is shown as little as the password itself.
        url: text('RESTIC_REPOSITORY', hasLogin ? '${secret:address}' : literal(url ?? 'missing')),
        password: fixed('${secret:password}'),
        compression: text('BACKUP_COMPRESSION', isOn('BACKUP_COMPRESSION') ? 'auto' : 'off'),
      }),
    }),
    sites: map({
      here: map({
        sources: map({
          data: map({
            type: fixed('files'),
            paths: { kind: 'list', place: source.place, items: [fixed(literal(source.value))] },
          }),
        }),
      }),
    }),
    plans: map({ backup: plan }),
  });
  return { value, mistakes };
}

const prefix = 'BACKUP_';
const knownNames: readonly string[] = ['SOURCE', 'ENABLED', 'INTERVAL', 'RETENTION_DAYS', 'COMPRESSION'];

/** A slip is refused, as in a file; what is no slip may be another program's. */
function unknownNames(variables: PlacedVariables): Mistake[] {
  return [...variables].flatMap(([name, { place }]): Mistake[] => {
    const word = name.slice(prefix.length);
    if (!name.startsWith(prefix) || knownNames.includes(word)) return [];
    const meant = nearest(word, knownNames);
    const message = `${name} says nothing to coffre`;
    const known = knownNames.map((each) => `\`${prefix}${each}\``).join(', ');
    if (meant === undefined) {
      return [{ severity: 'warning', place, path: [name], message, hint: `Known: ${known}.` }];
    }
    return [{ severity: 'error', place, path: [name], message, hint: `Did you mean \`${prefix}${meant}\`?` }];
  });
}

/** Not a reference, whatever it looks like. */
function literal(text: string): string {
  return text.replaceAll('${', () => '$${');
}

type Password = { readonly key: 'env' | 'file' | 'command'; readonly from: string; readonly words: readonly string[] };

/** In restic's order: command, file, variable. */
function passwordSource(
  given: (name: string) => string | undefined,
  refuse: (name: string, message: string, hint?: string) => void,
): Password | undefined {
  const command = given('RESTIC_PASSWORD_COMMAND');
  if (command !== undefined)
    return { key: 'command', from: 'RESTIC_PASSWORD_COMMAND', words: wordsOf(command, refuse) };
  const file = given('RESTIC_PASSWORD_FILE');
  if (file !== undefined) return { key: 'file', from: 'RESTIC_PASSWORD_FILE', words: [file] };
  if (given('RESTIC_PASSWORD') !== undefined) {
    return { key: 'env', from: 'RESTIC_PASSWORD', words: ['RESTIC_PASSWORD'] };
  }
  refuse('RESTIC_PASSWORD', 'is not set', 'Set it, or RESTIC_PASSWORD_FILE, or RESTIC_PASSWORD_COMMAND.');
  return undefined;
}

function wordsOf(command: string, refuse: (name: string, message: string) => void): readonly string[] {
  try {
    return commandWords(command, 'it');
  } catch (error) {
    refuse('RESTIC_PASSWORD_COMMAND', `cannot be used: ${messageOf(error)}`);
    return ['false'];
  }
}

function secretOf({ key, words }: Password, place: Place): Located {
  const items = words.map((value): Located => ({
    kind: 'scalar',
    place,
    value: literal(value),
  }));
  return mapOf({ [key]: key === 'command' ? { kind: 'list', place, items } : items[0]! }, place);
}

function mapOf(entries: Readonly<Record<string, Located>>, place: Place): LocatedMap {
  const located = Object.entries(entries).map(([key, value]) => [key, { keyPlace: value.place, value }] as const);
  return { kind: 'map', place, entries: new Map(located) };
}

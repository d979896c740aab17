/** What the schema found, said for who wrote the file: the place, the key, what it must be, what was probably meant. */
import type { z } from 'zod';
import { keyPlaceAt, placeAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';
import { choiceHint, nearest } from './suggestion.ts';

export type Issue = z.core.$ZodIssue;

/** The keys that may stand at a place; from the JSON Schema, so that they are known in one place only. */
export type KnownKeys = (path: ConfigPath) => readonly string[];

export function mistakesOf(issues: readonly Issue[], root: Located, knownKeys: KnownKeys): Mistake[] {
  const mistakes = issues.flatMap((issue) => mistakesOfIssue(issue, [], root, knownKeys));
  // A key that is missing under the name that was misspelled beside it is one mistake.
  const meant = new Set(mistakes.flatMap(({ path, hint }) => (isSlip(hint) ? [meantPath(path, hint!)] : [])));
  return mistakes.filter(({ path, message }) => !(message === missingKey(path) && meant.has(pathText(path))));
}

const slip = /^Did you mean `(.+)`\?$/;

function isSlip(hint: string | undefined): boolean {
  return hint !== undefined && slip.test(hint);
}

function meantPath(path: ConfigPath, hint: string): string {
  return pathText([...path.slice(0, -1), slip.exec(hint)![1]!]);
}

function mistakesOfIssue(issue: Issue, before: ConfigPath, root: Located, knownKeys: KnownKeys): Mistake[] {
  const path = [...before, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
  const at = valueAt(root, path);
  if (at?.kind === 'scalar' && at.isOpen === true) return [];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], root, knownKeys));
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors);
    if (branch !== undefined) return branch.flatMap((inner) => mistakesOfIssue(inner, path, root, knownKeys));
    return [unionMistake(issue, path, root)];
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? 'is not a name';
    return [
      {
        severity: 'error',
        place: keyPlaceAt(root, path),
        path,
        message: `\`${pathText(path)}\` ${message}`,
        hint: undefined,
      },
    ];
  }
  const missing = at === undefined && path.length > 0;
  return [
    {
      severity: 'error',
      place: missing ? placeOfOwner(root, path) : placeAt(root, path),
      path,
      message: missing ? missingKey(path) : sentence(issue, path, at),
      hint: hintOf(issue, path, at),
    },
  ];
}

/** What databases are reached with has keys of its own, which are easily written beside it. */
const inner = 'connect';

function unknownKey(path: ConfigPath, root: Located, knownKeys: KnownKeys): Mistake {
  const key = String(path.at(-1));
  const place = path.slice(0, -1);
  const known = knownKeys(place);
  const owner = pathText(place);
  const beside = valueAt(root, place);
  const isInner = known.includes(inner) && knownKeys([...place, inner]).includes(key);
  const free = known.filter((name) => beside?.kind !== 'map' || !beside.entries.has(name));
  return {
    severity: 'error',
    place: keyPlaceAt(root, path),
    path,
    message: `${owner === '' ? 'the configuration' : `\`${owner}\``} has no key \`${key}\``,
    hint: isInner ? `\`${key}\` belongs inside \`${inner}\`.` : choiceHint(key, free.length > 0 ? free : known, 'key'),
  };
}

/** The owner's key says best where something is missing. */
function placeOfOwner(root: Located, path: ConfigPath) {
  const owner = path.slice(0, -1);
  return typeof owner.at(-1) === 'string' ? keyPlaceAt(root, owner) : placeAt(root, owner);
}

function missingKey(path: ConfigPath): string {
  const owner = pathText(path.slice(0, -1));
  const key = `\`${String(path.at(-1))}\``;
  return owner === '' ? `the key ${key} is missing` : `\`${owner}\` needs the key ${key}`;
}

function sentence(issue: Issue, path: ConfigPath, at: Located | undefined): string {
  const subject = path.length === 0 ? 'the configuration' : `\`${pathText(path)}\``;
  const isEmpty = at?.kind === 'scalar' && at.value === null;
  if (isEmpty) return `${subject} has no value; it ${kindWanted(issue)}`;
  if (isSecret(issue)) return `${subject} ${issue.message}`;
  if (issue.code === 'invalid_value' && issue.values.length > 8 && at?.kind === 'scalar')
    return `${subject} cannot be ${shortened(at.value)}`;
  // What stands under `secrets` may be the secret itself.
  const shown =
    path[0] !== 'secrets' && at?.kind === 'scalar' && issue.message.startsWith('must be')
      ? `, not ${shortened(at.value)}`
      : '';
  return `${subject} ${kindWanted(issue)}${shown}`;
}

function kindWanted(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const kinds: Readonly<Record<string, string>> = {
      object: 'must be a map of keys',
      record: 'must be a map of names',
      array: 'must be a list',
      string: 'must be a text',
    };
    return kinds[issue.expected] ?? `must be a ${issue.expected}`;
  }
  return issue.message;
}

function isSecret(issue: Issue): boolean {
  return issue.code === 'custom' && issue.params?.['secret'] === true;
}

/** Long texts are cut, and nothing is shown that could be somebody's password. */
function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

function hintOf(issue: Issue, path: ConfigPath, at: Located | undefined): string | undefined {
  if (isSecret(issue)) return secretHint(path, issue.code === 'custom' && issue.params?.['inside'] === true);
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
  if (typeof hint === 'string') return hint;
  if (issue.code === 'invalid_value' && at?.kind === 'scalar' && typeof at.value === 'string') {
    const words = issue.values.filter((value) => typeof value === 'string');
    const hint = choiceHint(at.value, words, 'value');
    return isSlip(hint) || words.length > 8 ? hint : undefined;
  }
  return undefined;
}

function secretHint(path: ConfigPath, isInside: boolean): string {
  const owner = path.filter((part) => typeof part === 'string').slice(1, -1);
  const words = isInside ? [...owner.slice(0, 1), 'password'] : [...owner.slice(0, 1), ...path.slice(-1)];
  const name = words.map((word) => String(word).replaceAll(/[^A-Za-z0-9]+/g, '_')).join('_');
  const where = isInside ? 'in its place' : 'here';
  return `Put it into a file, name that under secrets: as \`${name}: {file: /etc/coffre/keys/${name}}\`, and write \${secret:${name}} ${where}.`;
}

/**
 * Of the forms that a value may have the one that was meant: not one that already fails at the value as a whole, and of
 * the others the one with the fewest mistakes. Undefined when the value fits none of them even roughly.
 */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isWhole = (issue: Issue): boolean =>
    issue.path.length === 0 &&
    (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union');
  const near = branches.filter((issues) => !issues.some((issue) => isWhole(issue) && issue.code !== 'invalid_union'));
  const best = near.toSorted((a, b) => distance(a) - distance(b))[0];
  if (best !== undefined) return best;
  const only = branches.filter((issues) => issues.every((issue) => !issue.message.startsWith('Invalid input')));
  return only.length === 1 ? only[0] : undefined;
}

/** A key that is unknown to a form speaks against it, unless it looks like one that the form misses. */
function distance(issues: readonly Issue[]): number {
  const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  const missing = issues.flatMap((issue) => (issue.path.length === 1 ? [String(issue.path[0])] : []));
  const slips = unknown.filter((key) => nearest(key, missing) !== undefined).length;
  return issues.length + 2 * unknown.length - 3 * slips;
}

function unionMistake(issue: Issue & { code: 'invalid_union' }, path: ConfigPath, root: Located): Mistake {
  const at = valueAt(root, path);
  const wanted = [
    ...new Set(issue.errors.flatMap((branch) => branch.map((inner) => kindWanted(inner).replace(/^must be /, '')))),
  ];
  const known = 'discriminator' in issue ? sourceTypes(issue) : undefined;
  if (known !== undefined) return unknownType(path, root, known);
  const message = issue.message === 'Invalid input' ? `must be ${wanted.join(', or ')}` : issue.message;
  const shown = at?.kind === 'scalar' && at.value !== null ? `, not ${shortened(at.value)}` : '';
  const place = at === undefined ? placeOfOwner(root, path) : at.place;
  return { severity: 'error', place, path, message: `\`${pathText(path)}\` ${message}${shown}`, hint: undefined };
}

function sourceTypes(issue: Issue): readonly string[] {
  const options: unknown = 'options' in issue ? issue.options : undefined;
  return Array.isArray(options) ? options.filter((option) => typeof option === 'string') : [];
}

function unknownType(path: ConfigPath, root: Located, known: readonly string[]): Mistake {
  const typePath = path.at(-1) === 'type' ? path : [...path, 'type'];
  const at = valueAt(root, typePath);
  if (at === undefined || at.kind !== 'scalar') {
    const place = placeOfOwner(root, typePath);
    return {
      severity: 'error',
      place,
      path: typePath,
      message: missingKey(typePath),
      hint: choiceHint('', known, 'type'),
    };
  }
  const message = `\`${pathText(typePath)}\` is ${shortened(at.value)}, which is no type of source`;
  return {
    severity: 'error',
    place: at.place,
    path: typePath,
    message,
    hint: choiceHint(String(at.value), known, 'type'),
  };
}

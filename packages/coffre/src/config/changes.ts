/** What differs between the configuration that was applied and the one that is written now. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigPath } from './mistake.ts';

/** As `plainOf` gives it: what holds, said or not, without secrets. */
export type PlainConfig = Readonly<Record<string, unknown>>;

export type ConfigChange =
  | { readonly kind: 'added'; readonly path: ConfigPath; readonly after: unknown }
  | { readonly kind: 'removed'; readonly path: ConfigPath; readonly before: unknown }
  | { readonly kind: 'changed'; readonly path: ConfigPath; readonly before: unknown; readonly after: unknown };

/** In the order of the new file, then what is gone. What is new or gone as a whole is one change. */
export function configChanges(before: PlainConfig, after: PlainConfig): ConfigChange[] {
  return within(before, after, []);
}

function within(before: PlainConfig, after: PlainConfig, path: ConfigPath): ConfigChange[] {
  const kept = Object.keys(after).flatMap((key) => between(before[key], after[key], [...path, key]));
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [...kept, ...gone.flatMap((key) => between(before[key], undefined, [...path, key]))];
}

function between(before: unknown, after: unknown, path: ConfigPath): ConfigChange[] {
  const [left, right] = [mapOf(before), mapOf(after)];
  if (left !== undefined && right !== undefined) return within(left, right, path);
  // Sections hold named things, and sites sources: each of these is a change of its own.
  if (isFolder(path) && (left ?? right) !== undefined) {
    if (before === undefined || after === undefined) return within(left ?? {}, right ?? {}, path);
  }
  if (before === undefined) return [{ kind: 'added', path, after }];
  if (after === undefined) return [{ kind: 'removed', path, before }];
  return isDeepStrictEqual(normal(before), normal(after)) ? [] : [{ kind: 'changed', path, before, after }];
}

function isFolder(path: ConfigPath): boolean {
  return (
    path.length === 1 && ['repositories', 'sites', 'plans', 'drills', 'runbooks', 'secrets'].includes(String(path[0]))
  );
}

function mapOf(value: unknown): PlainConfig | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PlainConfig) : undefined;
}

/** Maps from files have no prototype, those from the state have one. */
function normal(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}

/** What a change means for backups that are there, where that is not plain; one sentence each. */
export function consequences(changes: readonly ConfigChange[]): string[] {
  return [...new Set(changes.flatMap((change) => consequenceOf(change) ?? []))];
}

function consequenceOf({ kind, path }: ConfigChange): string | undefined {
  const [section = '', name, key] = path.map(String);
  const isWhole = path.length === 2;
  switch (section) {
    case 'repositories':
      if (isWhole && kind === 'removed') return `what is saved in ${name} stays there; nothing looks after it any more`;
      if (key === 'url') return `${name} is looked for at another place; nothing is moved there`;
      return key === 'password' ? `${name} must open with the new password; its keys are not changed` : undefined;
    case 'plans':
      if (isWhole && kind === 'removed') return `backups of ${name} stay; nothing expires them any more`;
      return key === 'retention' ? `the next run of ${name} keeps by the new rules` : undefined;
    case 'sites':
      return kind === 'removed' ? `backups of what is no longer named stay where they are` : undefined;
    case 'store':
      return 'the history begins anew in the new store';
    default:
      return undefined;
  }
}

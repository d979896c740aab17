/** A configuration as it was written: plain values, each with the place it came from. */
import type { ConfigPath, Place } from './mistake.ts';

export type Located = LocatedMap | LocatedList | LocatedScalar;

export type LocatedMap = {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, { readonly keyPlace: Place; readonly value: Located }>;
};

export type LocatedList = { readonly kind: 'list'; readonly place: Place; readonly items: readonly Located[] };

export type Scalar = string | number | boolean | null;

export type LocatedScalar = {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: Scalar;
  /** Environment variables that went into the value. */
  readonly variables?: readonly string[];
  /** A variable without a value: what the text will be is not known here. */
  readonly isOpen?: true;
};

/** Objects have no prototype: no key of a file can be mistaken for something inherited. */
export function plainOf(value: Located): unknown {
  if (value.kind === 'scalar') return value.value;
  if (value.kind === 'list') return value.items.map(plainOf);
  const plain = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of value.entries) plain[key] = plainOf(entry.value);
  return plain;
}

export function valueAt(root: Located, path: ConfigPath): Located | undefined {
  return path.reduce<Located | undefined>((value, part) => {
    if (value?.kind === 'map') return value.entries.get(String(part))?.value;
    if (value?.kind === 'list' && typeof part === 'number') return value.items[part];
    return undefined;
  }, root);
}

/** The place of the value, or of the nearest thing around it that was written down. */
export function placeAt(root: Located, path: ConfigPath): Place {
  for (let length = path.length; length > 0; length--) {
    const value = valueAt(root, path.slice(0, length));
    if (value !== undefined) return value.place;
  }
  return root.place;
}

/** The place of the key, where the last part of the path is one. */
export function keyPlaceAt(root: Located, path: ConfigPath): Place {
  const parent = valueAt(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.keyPlace ?? placeAt(root, path);
}

/** Every scalar with its path, in the order of the file. */
export function* scalarsOf(
  root: Located,
  path: ConfigPath = [],
): Generator<{ path: ConfigPath; scalar: LocatedScalar }> {
  if (root.kind === 'scalar') yield { path, scalar: root };
  else if (root.kind === 'list')
    for (const [index, item] of root.items.entries()) yield* scalarsOf(item, [...path, index]);
  else for (const [key, { value }] of root.entries) yield* scalarsOf(value, [...path, key]);
}

/** Texts that hold a part, with their paths, in the order of the file. */
export function textsWith(root: Located, part: string): { path: ConfigPath; scalar: LocatedScalar }[] {
  const found: { path: ConfigPath; scalar: LocatedScalar }[] = [];
  eachScalar(root, [], (scalar, path) => {
    if (typeof scalar.value === 'string' && scalar.value.includes(part)) found.push({ path: [...path], scalar });
  });
  return found;
}

type Seen<T> = (value: T, path: ConfigPath) => void;

/** In the order of the file. The path is one and the same array each time: whoever keeps it copies it. */
export function eachScalar(value: Located, path: (string | number)[], call: Seen<LocatedScalar>): void {
  if (value.kind === 'scalar') return call(value, path);
  const depth = path.length;
  if (value.kind === 'list') {
    for (let index = 0; index < value.items.length; index += 1) {
      path[depth] = index;
      eachScalar(value.items[index]!, path, call);
    }
  } else {
    for (const [key, entry] of value.entries) {
      path[depth] = key;
      eachScalar(entry.value, path, call);
    }
  }
  path.length = depth;
}

/** Whatever is at a path like `plans.*.to`, in the order of the file; as `eachOf`. */
export function eachAt(root: Located, pattern: string, call: Seen<Located>): void {
  eachOf(root, [[pattern, call]]);
}

/** Where patterns part. */
type Fork = { readonly calls: Seen<Located>[]; readonly named: Map<string, Fork>; any: Fork | undefined };

/**
 * Whatever is at one of several paths like `plans.*.to`, where `*` stands for any name or index, in one walk. The path is
 * one and the same array each time: whoever keeps it copies it.
 */
export function eachOf(root: Located, patterns: readonly (readonly [pattern: string, call: Seen<Located>])[]): void {
  const start = newFork();
  for (const [pattern, call] of patterns) {
    let fork = start;
    for (const step of pattern.split('.')) {
      const next: Fork = (step === '*' ? fork.any : fork.named.get(step)) ?? newFork();
      if (step === '*') fork.any = next;
      else fork.named.set(step, next);
      fork = next;
    }
    fork.calls.push(call);
  }
  walkAlong(root, start, []);
}

function newFork(): Fork {
  return { calls: [], named: new Map(), any: undefined };
}

function walkAlong(value: Located, { calls, named, any }: Fork, path: (string | number)[]): void {
  for (const call of calls) call(value, path);
  const depth = path.length;
  if (value.kind === 'map') {
    for (const [key, fork] of named) {
      const entry = value.entries.get(key);
      if (entry === undefined) continue;
      path[depth] = key;
      walkAlong(entry.value, fork, path);
    }
    if (any !== undefined) {
      for (const [key, entry] of value.entries) {
        path[depth] = key;
        walkAlong(entry.value, any, path);
      }
    }
  } else if (value.kind === 'list' && any !== undefined) {
    for (let index = 0; index < value.items.length; index += 1) {
      path[depth] = index;
      walkAlong(value.items[index]!, any, path);
    }
  }
  path.length = depth;
}

/** `over` wins: maps are joined key by key, anything else is taken whole. */
export function merged(under: Located, over: Located): Located {
  if (under.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    entries.set(
      key,
      below === undefined ? entry : { keyPlace: entry.keyPlace, value: merged(below.value, entry.value) },
    );
  }
  return { kind: 'map', place: over.place, entries };
}

/** With other scalars at some paths. */
export function replaced(root: Located, values: ReadonlyMap<string, Scalar>, path: ConfigPath = []): Located {
  if (root.kind === 'scalar') {
    const value = values.get(JSON.stringify(path));
    return value === undefined ? root : { ...root, value };
  }
  if (root.kind === 'list') {
    return { ...root, items: root.items.map((item, index) => replaced(item, values, [...path, index])) };
  }
  const entries = [...root.entries].map(([key, entry]) => {
    return [key, { ...entry, value: replaced(entry.value, values, [...path, key]) }] as const;
  });
  return { ...root, entries: new Map(entries) };
}

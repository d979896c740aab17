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
  if (root.kind === 'scalar') {
    return typeof root.value === 'string' && root.value.includes(part) ? [{ path: [], scalar: root }] : [];
  }
  const found: { path: ConfigPath; scalar: LocatedScalar }[] = [];
  const look = (step: string | number, value: Located): void => {
    for (const { path, scalar } of textsWith(value, part)) found.push({ path: [step, ...path], scalar });
  };
  if (root.kind === 'list') for (const [index, item] of root.items.entries()) look(index, item);
  else for (const [key, { value }] of root.entries) look(key, value);
  return found;
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

/** `${VAR}` and `${VAR:-default}` in values. `${secret:name}` stays: it is resolved where it is used, never before. */
import type { Located, LocatedScalar } from './located.ts';
import type { Mistake, Place } from './mistake.ts';

export type Variables = { readonly [name: string]: string | undefined };

export type UnsetVariable = { readonly name: string; readonly place: Place };

export type Substituted = {
  readonly value: Located;
  readonly mistakes: readonly Mistake[];
  /** Named somewhere, without a default, and not set. */
  readonly unset: readonly UnsetVariable[];
};

const reference = /\$\$\{|\$\{(?!secret:)([^{}]*)\}/g;

export function substituteVariables(root: Located, variables: Variables): Substituted {
  const mistakes: Mistake[] = [];
  const unset = new Map<string, UnsetVariable>();

  const scalar = (found: LocatedScalar): LocatedScalar => {
    if (typeof found.value !== 'string' || !found.value.includes('${')) return found;
    const used: string[] = [];
    let isOpen = false;
    const text = found.value.replaceAll(reference, (whole, inner: string | undefined) => {
      if (inner === undefined) return '${';
      const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/.exec(inner) ?? [];
      if (name === undefined) {
        mistakes.push({
          severity: 'error',
          place: found.place,
          path: [],
          message: `\`${whole}\` is neither a variable nor a secret`,
          hint: 'Write ${NAME}, ${NAME:-default} or ${secret:name}; $${ for the characters themselves.',
        });
        return whole;
      }
      used.push(name);
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (value !== undefined && (value !== '' || fallback === undefined)) return value;
      if (fallback === undefined) {
        if (!unset.has(name)) unset.set(name, { name, place: found.place });
        isOpen = true;
      }
      return fallback ?? whole;
    });
    if (used.length === 0) return { ...found, value: text };
    return { ...found, value: text, variables: used, ...(isOpen ? { isOpen: true } : {}) };
  };

  // What holds no variable stays the same object: a large file would otherwise be there twice.
  const walk = (value: Located): Located => {
    if (value.kind === 'scalar') return scalar(value);
    if (value.kind === 'list') {
      let filled: Located[] | undefined;
      for (let index = 0; index < value.items.length; index += 1) {
        const inner = walk(value.items[index]!);
        if (inner !== value.items[index]) (filled ??= [...value.items])[index] = inner;
      }
      return filled === undefined ? value : { ...value, items: filled };
    }
    let changed: Map<string, { keyPlace: Place; value: Located }> | undefined;
    for (const [key, entry] of value.entries) {
      const inner = walk(entry.value);
      if (inner !== entry.value) (changed ??= new Map(value.entries)).set(key, { ...entry, value: inner });
    }
    return changed === undefined ? value : { ...value, entries: changed };
  };
  return { value: walk(root), mistakes, unset: [...unset.values()] };
}

/** Names of the secrets that a text refers to, in order. */
export function secretNamesIn(text: string): string[] {
  return [...text.matchAll(/\$\{secret:([^{}]*)\}/g)].map((found) => found[1] ?? '');
}

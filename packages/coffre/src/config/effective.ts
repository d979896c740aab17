/** The configuration with everything that holds, said or not; each value keeps the place it came from. */
import { formsOf } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';
import { merged } from './located.ts';
import type { Located, LocatedMap, Scalar } from './located.ts';
import type { Place } from './mistake.ts';
import { defaultPlace } from './simple-style.ts';

const machinePlace: Place = { file: 'this machine', line: 0, column: 0 };
/** Settings of a plan that it takes from `defaults` where it says nothing. */
const inherited = ['jitter', 'catch_up', 'max_runtime', 'priority', 'retries', 'guards'] as const;

export function effectiveOf(root: Located, schema: SchemaNode, systemZone: string): Located {
  const filled = fill(root, schema);
  if (filled.kind !== 'map') return filled;
  const entries = new Map(filled.entries);
  if (!entries.has('timezone'))
    entries.set('timezone', entryOf({ kind: 'scalar', place: machinePlace, value: systemZone }));
  const defaults = entries.get('defaults')?.value;
  const plans = entries.get('plans')?.value;
  if (plans?.kind === 'map' && defaults?.kind === 'map') {
    const inheriting = [...plans.entries].map(([name, plan]) => {
      return [name, { ...plan, value: withDefaults(plan.value, defaults) }] as const;
    });
    entries.set('plans', entryOf({ ...plans, entries: new Map(inheriting) }));
  }
  return { ...filled, entries };
}

function withDefaults(plan: Located, defaults: LocatedMap): Located {
  if (plan.kind !== 'map') return plan;
  const entries = new Map(plan.entries);
  for (const key of inherited) {
    const above = defaults.entries.get(key);
    const own = entries.get(key);
    if (above !== undefined) entries.set(key, own === undefined ? above : entryOf(merged(above.value, own.value)));
  }
  return { ...plan, entries };
}

/** Adds what the schema says where nothing was said, in the order of the schema. */
function fill(value: Located, schema: SchemaNode): Located {
  const form = formOf(schema, value);
  if (form === undefined) return value;
  if (value.kind === 'list') {
    const { items } = form;
    return items === undefined ? value : { ...value, items: value.items.map((item) => fill(item, items)) };
  }
  if (value.kind !== 'map') return value;
  const { properties, additionalProperties: other } = form;
  if (properties === undefined) {
    if (other === undefined || other === false) return value;
    const entries = [...value.entries].map(
      ([key, entry]) => [key, { ...entry, value: fill(entry.value, other) }] as const,
    );
    return { ...value, entries: new Map(entries) };
  }
  const entries = new Map<string, { keyPlace: Place; value: Located }>();
  for (const [key, property] of Object.entries(properties)) {
    const given = value.entries.get(key);
    if (given !== undefined) entries.set(key, { ...given, value: fill(given.value, property) });
    else if (property.default !== undefined) {
      const usual = fill(ofDefault(property.default), property);
      if (!isEmpty(usual)) entries.set(key, entryOf(usual));
    }
  }
  return { ...value, entries };
}

function isEmpty(value: Located): boolean {
  return (value.kind === 'list' && value.items.length === 0) || (value.kind === 'map' && value.entries.size === 0);
}

/** The form of the schema that a value has; the value is valid, so one fits. */
export function formOf(schema: SchemaNode, value: Located): SchemaNode | undefined {
  return formsOf(schema).find((form) => {
    if (value.kind === 'list') return form.type === 'array';
    if (value.kind === 'scalar') return form.type !== 'object' && form.type !== 'array';
    if (form.type !== 'object') return false;
    const known = form.properties;
    if (known === undefined) return true;
    return [...value.entries].every(([key, entry]) => {
      const property = Object.hasOwn(known, key) ? known[key] : undefined;
      if (property === undefined) return false;
      return property.const === undefined || (entry.value.kind === 'scalar' && entry.value.value === property.const);
    });
  });
}

function ofDefault(value: unknown): Located {
  if (Array.isArray(value)) return { kind: 'list', place: defaultPlace, items: value.map(ofDefault) };
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => [key, entryOf(ofDefault(inner))] as const);
    return { kind: 'map', place: defaultPlace, entries: new Map(entries) };
  }
  return { kind: 'scalar', place: defaultPlace, value: value as Scalar };
}

function entryOf(value: Located): { keyPlace: Place; value: Located } {
  return { keyPlace: value.place, value };
}

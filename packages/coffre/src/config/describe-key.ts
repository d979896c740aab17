/** What a key means, in the words of the schema. */
import { formsOf, schemasAt } from './json-schema.ts';
import type { SchemaNode } from './json-schema.ts';
import { valueAt } from './located.ts';
import type { Located } from './located.ts';
import type { ConfigPath } from './mistake.ts';

/** `plans.db-hourly.to`; keys with dots in them are found where the schema or the file knows them. */
export function parsePath(text: string, schema: SchemaNode, root?: Located): ConfigPath {
  const parts = text
    .replaceAll(/\[(\d+)\]/g, '.#$1')
    .split('.')
    .filter((part) => part !== '');
  const path: (string | number)[] = [];
  while (parts.length > 0) {
    const index = /^#?(\d+)$/.exec(parts[0]!)?.[1];
    const wantsIndex = schemasAt(schema, path, root)
      .flatMap(formsOf)
      .some(({ type }) => type === 'array');
    if (index !== undefined && wantsIndex) {
      path.push(Number(index));
      parts.shift();
      continue;
    }
    const length = longestKnown(parts, path, schema, root);
    path.push(parts.splice(0, length).join('.'));
  }
  return path;
}

function longestKnown(parts: readonly string[], path: ConfigPath, schema: SchemaNode, root?: Located): number {
  for (let length = parts.length; length > 1; length--) {
    const key = parts.slice(0, length).join('.');
    if (root !== undefined && valueAt(root, [...path, key]) !== undefined) return length;
    const forms = schemasAt(schema, path, root).flatMap(formsOf);
    if (forms.some(({ properties }) => properties !== undefined && Object.hasOwn(properties, key))) return length;
  }
  return 1;
}

/** `one of low, normal, high`, `a duration such as 10m`, `list of …`. */
export function typeText(node: SchemaNode): string {
  const forms = formsOf(node);
  if (forms.length > 1) return [...new Set(forms.map(typeText))].join(', or ');
  const form = forms[0]!;
  if (form['x-format'] !== undefined) return form['x-format'];
  if (form.const !== undefined) return JSON.stringify(form.const);
  if (form.enum !== undefined) return form.enum.length === 1 ? String(form.enum[0]) : `one of ${form.enum.join(', ')}`;
  switch (form.type) {
    case 'array':
      return `list of: ${form.items === undefined ? 'anything' : typeText(form.items)}`;
    case 'object':
      return form.properties === undefined ? 'names, each with its settings' : 'settings';
    case 'boolean':
      return 'true or false';
    case 'integer':
      return 'a whole number';
    case 'string':
      return 'a text';
    case undefined:
    default:
      return form.type ?? 'anything';
  }
}

/** As it would be written; undefined where the default is nothing. */
export function defaultText(node: SchemaNode): string | undefined {
  if (node.default === undefined) return undefined;
  const text = JSON.stringify(node.default);
  return text === '{}' || text === '[]' ? undefined : typeof node.default === 'string' ? node.default : text;
}

export type KeyRow = { readonly key: string; readonly isRequired: boolean; readonly node: SchemaNode };

/** The keys below, those of every form once. */
export function keyRows(nodes: readonly SchemaNode[]): KeyRow[] {
  const rows = new Map<string, KeyRow>();
  for (const form of nodes.flatMap(formsOf)) {
    for (const [key, node] of Object.entries(form.properties ?? {})) {
      if (!rows.has(key)) rows.set(key, { key, isRequired: form.required?.includes(key) === true, node });
    }
  }
  return [...rows.values()];
}

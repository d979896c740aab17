/** The JSON Schema (draft 2020-12) of the file, and what it says about one key. */
import { z } from 'zod';
import { valueAt } from './located.ts';
import type { Located } from './located.ts';
import type { ConfigPath } from './mistake.ts';
import { documentSchema } from './schema/document.ts';

/** The parts of JSON Schema that ours uses. */
export type SchemaNode = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: { readonly [key: string]: SchemaNode };
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | false;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly 'x-secret'?: 'reference' | 'inside';
  readonly 'x-format'?: string;
};

export const schemaAddress = 'https://coffre.dev/schema/coffre-1.json';

export function createJsonSchema(): SchemaNode {
  const { $schema, ...schema } = z.toJSONSchema(documentSchema, { io: 'input' });
  return { $schema, title: 'Configuration of Coffre', ...schema } as SchemaNode;
}

/** What may stand at a path. `root` decides between forms, as between sources by their `type`. */
export function schemasAt(schema: SchemaNode, path: ConfigPath, root?: Located): readonly SchemaNode[] {
  let nodes: readonly SchemaNode[] = [schema];
  for (const [depth, part] of path.entries()) {
    const owner = root === undefined ? undefined : valueAt(root, path.slice(0, depth));
    nodes = nodes
      .flatMap(formsOf)
      .filter((node) => fits(node, owner))
      .flatMap((node) => {
        const inner = childOf(node, part);
        return inner === undefined ? [] : [inner];
      });
  }
  return nodes;
}

/** Every form that a value may have; the description of the whole stays with each. */
export function formsOf(node: SchemaNode): readonly SchemaNode[] {
  const forms = node.anyOf ?? node.oneOf;
  return forms === undefined ? [node] : forms.flatMap(formsOf);
}

function fits(node: SchemaNode, value: Located | undefined): boolean {
  if (value?.kind !== 'map' || node.properties === undefined) return true;
  return Object.entries(node.properties).every(([key, property]) => {
    const given = value.entries.get(key)?.value;
    return property.const === undefined || given?.kind !== 'scalar' || given.value === property.const;
  });
}

function childOf(node: SchemaNode, part: string | number): SchemaNode | undefined {
  if (typeof part === 'number') return node.items;
  if (node.properties !== undefined && Object.hasOwn(node.properties, part)) return node.properties[part];
  if (node.additionalProperties !== undefined && node.additionalProperties !== false) return node.additionalProperties;
  return undefined;
}

/** The keys that may stand at a path. */
export function keysAt(schema: SchemaNode, path: ConfigPath, root?: Located): readonly string[] {
  const owner = root === undefined ? undefined : valueAt(root, path);
  const forms = schemasAt(schema, path, root)
    .flatMap(formsOf)
    .filter((node) => fits(node, owner));
  return [...new Set(forms.flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** A value there is a secret, or may hold one. */
export function secrecyAt(schema: SchemaNode, path: ConfigPath, root?: Located): 'reference' | 'inside' | undefined {
  const marks = new Set(
    schemasAt(schema, path, root)
      .flatMap(formsOf)
      .map((node) => node['x-secret']),
  );
  return marks.has('reference') ? 'reference' : marks.has('inside') ? 'inside' : undefined;
}

/** Writes docs/reference/config.md and the JSON Schema beside it from the schema of the configuration. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultText, typeText } from '../packages/coffre/src/config/describe-key.ts';
import { createJsonSchema, formsOf } from '../packages/coffre/src/config/json-schema.ts';
import type { SchemaNode } from '../packages/coffre/src/config/json-schema.ts';

export const referencePath = fileURLToPath(new URL('../docs/reference/config.md', import.meta.url));
export const schemaPath = fileURLToPath(new URL('../docs/reference/coffre.schema.json', import.meta.url));

export function schemaFile(): string {
  return `${JSON.stringify(createJsonSchema(), null, 2)}\n`;
}

export function referencePage(): string {
  const { properties = {}, required = [] } = createJsonSchema();
  const simple = Object.entries(properties).filter(([, node]) => childrenOf(node, '').length === 0);
  const sections = Object.entries(properties).filter(([, node]) => childrenOf(node, '').length > 0);
  return [
    '# Keys of `coffre.yaml`',
    '',
    'Made from the schema by `scripts/make-config-reference.ts`; `coffre config explain KEY` says the same at the terminal. NAME is a name of your own, `[]` an entry of a list. Required keys have an asterisk.',
    '',
    ...table(simple.map(([key, node]) => ({ path: key, node, isRequired: required.includes(key) }))),
    ...sections.flatMap(([key, node]) => section(key, node)),
  ].join('\n');
}

type Row = { readonly path: string; readonly node: SchemaNode; readonly isRequired: boolean };

function section(key: string, node: SchemaNode): string[] {
  const rows = childrenOf(node, key);
  return ['', `## ${key}`, '', `${node.description ?? ''}.`, '', ...table(rows)];
}

function table(rows: readonly Row[]): string[] {
  const cells = rows.map(({ path, node, isRequired }) => {
    const kind = typeText(node);
    const usual = defaultText(node);
    const secret = formsOf(node).some((form) => form['x-secret'] === 'reference') ? ' (secret)' : '';
    const name = `\`${path}\`${isRequired ? '\\*' : ''}`;
    return `| ${name} | ${escaped(kind)}${secret} | ${usual === undefined ? '' : `\`${escaped(usual)}\``} | ${escaped(node.description ?? '')} |`;
  });
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...cells];
}

/** Every key below, depth first, one that several forms share once. */
function childrenOf(node: SchemaNode, path: string): Row[] {
  const rows = new Map<string, Row>();
  const add = (row: Row): void => {
    if (!rows.has(row.path)) rows.set(row.path, row);
  };
  const forms = formsOf(node);
  for (const [index, form] of forms.entries()) {
    const same = forms.filter((other) => settingsText(other) === settingsText(form));
    if (settingsText(form) !== '' && forms.indexOf(same[0]!) < index) continue;
    const types = same.flatMap(typeNameOf).join(', ');
    if (form.items !== undefined) childrenOf(form.items, `${path}[]`).forEach(add);
    const { additionalProperties: other } = form;
    if (form.properties === undefined && other !== undefined && other !== false) {
      childrenOf(other, `${path}.NAME`).forEach(add);
    }
    for (const [key, child] of Object.entries(form.properties ?? {})) {
      if (key === 'type' && types !== '') continue;
      const at = `${types !== '' && !shared.has(key) ? `${path} (${types})` : path}.${key}`;
      add({ path: at, node: child, isRequired: form.required?.includes(key) === true });
      childrenOf(child, at).forEach(add);
    }
  }
  return [...rows.values()];
}

/** What a source of one type takes, as text that can be compared. */
function settingsText({ properties = {} }: SchemaNode): string {
  const { type, ...settings } = properties;
  return type === undefined ? '' : JSON.stringify(settings);
}

function typeNameOf({ properties }: SchemaNode): string[] {
  const name = properties?.['type']?.const;
  return typeof name === 'string' ? [name] : [];
}

/** Keys that every type of source has are listed once. */
const shared: ReadonlySet<string> = new Set([
  'criticality',
  'objectives',
  'sensitive',
  'guards',
  'hooks',
  'waivers',
  'application',
]);

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.main) {
  writeFileSync(referencePath, `${referencePage()}\n`);
  writeFileSync(schemaPath, schemaFile());
}

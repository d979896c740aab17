/** `config explain KEY.PATH`: what a key means, how it is written, and where it is set. */
import { CoffreError } from '@coffre/repository/opening';
import { defaultText, keyRows, parsePath, typeText } from '../config/describe-key.ts';
import { effectiveOf } from '../config/effective.ts';
import { createJsonSchema, keysAt, schemasAt, secrecyAt } from '../config/json-schema.ts';
import { valueAt } from '../config/located.ts';
import type { Located } from '../config/located.ts';
import { hasErrors, pathText, placeText } from '../config/mistake.ts';
import type { ConfigPath } from '../config/mistake.ts';
import { systemZone } from '../config/read/system-zone.ts';
import { choiceHint } from '../config/suggestion.ts';
import type { Cli } from './cli.ts';
import type { LoadedConfig } from './config-source.ts';

/** More than this of what is set is not repeated: the file has it. */
const writtenMax = 100;

/** @param loaded undefined where there is no configuration: then only the meaning is told */
export function explainKey(cli: Cli, key: string, loaded: LoadedConfig | undefined): void {
  const schema = createJsonSchema();
  const root = loaded?.root;
  const path = parsePath(key, schema, root);
  const nodes = schemasAt(schema, path, root);
  if (nodes.length === 0) throw unknownKey(path, (owner) => keysAt(schema, owner, root));
  const [node] = nodes;
  const isSecret = secrecyAt(schema, path, root) === 'reference';
  const effective =
    loaded === undefined || hasErrors(loaded.mistakes) ? root : effectiveOf(loaded.root, schema, systemZone());
  const set = effective === undefined ? undefined : valueAt(effective, path);
  const printer = cli.printer();
  const rows = keyRows(nodes);
  if (printer.json) {
    printer.message({
      schema: 'coffre.config-key/1',
      path: pathText(path),
      meaning: node!.description,
      type: typeText(node!),
      default: node!.default,
      secret: isSecret,
      set_at: set === undefined ? undefined : placeText(set.place),
      value: set?.kind === 'scalar' ? set.value : undefined,
      keys: rows.map(({ key, node, isRequired }) => ({ key, meaning: node.description, required: isRequired })),
    });
    return;
  }
  const lines = [
    ...(path.length === 0 ? [] : [pathText(path)]),
    ...(node!.description === undefined ? [] : [`  ${node!.description}`]),
    `  type      ${typeText(node!)}`,
    `  default   ${defaultText(node!) ?? 'nothing'}`,
    ...(isSecret ? ['  secret    by reference only'] : []),
    ...(effective === undefined ? [] : [`  set       ${setText(set)}`]),
  ];
  const width = Math.max(0, ...rows.map(({ key }) => key.length));
  const keyLines = rows.map(({ key, node, isRequired }) => {
    return `  ${key.padEnd(width)}  ${node.description ?? typeText(node)}${isRequired ? ' (required)' : ''}`;
  });
  for (const line of [...lines, ...(rows.length === 0 ? [] : ['', 'keys', ...keyLines])]) printer.always(line);
}

function setText(set: Located | undefined): string {
  if (set === undefined) return 'nowhere';
  const written = flowText(set);
  return written.length > writtenMax ? placeText(set.place) : `${placeText(set.place)}: ${written}`;
}

/** In one line, as YAML takes it. */
function flowText(value: Located): string {
  if (value.kind === 'scalar') return String(value.value);
  if (value.kind === 'list') return `[${value.items.map(flowText).join(', ')}]`;
  return `{${[...value.entries].map(([key, entry]) => `${key}: ${flowText(entry.value)}`).join(', ')}}`;
}

function unknownKey(path: ConfigPath, keysOf: (owner: ConfigPath) => readonly string[]): CoffreError {
  let depth = path.length - 1;
  while (depth > 0 && keysOf(path.slice(0, depth)).length === 0) depth -= 1;
  const owner = pathText(path.slice(0, depth));
  const where = owner === '' ? 'the configuration' : `\`${owner}\``;
  const key = String(path[depth]);
  return new CoffreError('CONFIG_KEY_UNKNOWN', `${where} has no key \`${key}\``, {
    hint: choiceHint(key, keysOf(path.slice(0, depth)), 'key'),
  });
}

/** `config show` and `config export`: the configuration as it is understood; never a secret. */
import { Document, isMap, isPair, isScalar, isSeq, visit } from 'yaml';
import { effectiveOf } from '../config/effective.ts';
import { createJsonSchema } from '../config/json-schema.ts';
import { plainOf, scalarsOf, valueAt } from '../config/located.ts';
import type { Located } from '../config/located.ts';
import { ConfigError, hasErrors, pathText, placeText } from '../config/mistake.ts';
import type { ConfigPath } from '../config/mistake.ts';
import { requireConfig } from '../config/parse.ts';
import { systemZone } from '../config/read/system-zone.ts';
import type { Cli } from './cli.ts';
import type { LoadedConfig } from './config-source.ts';

export type ShowOptions = { readonly effective?: boolean | undefined; readonly origin?: boolean | undefined };

/** @throws {ConfigError} a file with mistakes might show what should be a secret */
export function showConfig(cli: Cli, loaded: LoadedConfig, { effective, origin }: ShowOptions): void {
  const root = shown(loaded, effective === true);
  const printer = cli.printer();
  if (printer.json) {
    const origins = [...scalarsOf(root)].map(({ path, scalar }) => [pathText(path), originText(scalar)]);
    printer.message({
      schema: 'coffre.config/1',
      files: loaded.files,
      config: plainOf(root),
      ...(origin === true ? { origins: Object.fromEntries(origins) as object } : {}),
    });
    return;
  }
  printer.always(yamlOf(root, origin === true).trimEnd());
  for (const host of loaded.foreignHosts)
    printer.normal(`# ${host.sources.join(', ')}: no agent for ${host.name} on this machine`);
}

export function exportConfig(cli: Cli, loaded: LoadedConfig): void {
  requireConfig(loaded);
  const root = shown(loaded, false);
  const printer = cli.printer();
  if (printer.json) printer.message(plainOf(root));
  else printer.always(yamlOf(root, false).trimEnd());
}

function shown(loaded: LoadedConfig, isEffective: boolean): Located {
  if (hasErrors(loaded.mistakes)) throw new ConfigError(loaded.mistakes);
  const root = isEffective ? effectiveOf(loaded.root, createJsonSchema(), systemZone()) : loaded.root;
  if (root.kind !== 'map') return root;
  // What was included stands here already.
  return { ...root, entries: new Map([...root.entries].filter(([key]) => key !== 'include')) };
}

function originText(value: Located): string {
  const variables = value.kind === 'scalar' ? (value.variables ?? []) : [];
  return [placeText(value.place), ...variables.map((name) => `$${name}`)].join(', ');
}

function yamlOf(root: Located, withOrigin: boolean): string {
  const document = new Document(plainOf(root), { aliasDuplicateObjects: false });
  const literal = (text: string): string => text.replaceAll(/\$\{(?!secret:)/g, '$$$${');
  visit(document, {
    Scalar: (key, node, ancestors) => {
      if (key === 'key') return;
      if (typeof node.value === 'string') node.value = literal(node.value);
      if (withOrigin) {
        const value = valueAt(root, pathOf(ancestors, key, node));
        if (value !== undefined) node.comment = ` ${originText(value)}`;
      }
    },
    Collection: (_, node) => {
      if (node.items.length === 0) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, singleQuote: true });
}

/** Where a node stands, from what stands around it. */
function pathOf(ancestors: readonly unknown[], key: unknown, node: unknown): ConfigPath {
  const chain = [...ancestors, node];
  const path: (string | number)[] = [];
  for (const [depth, around] of chain.slice(0, -1).entries()) {
    if (isPair(around) && isScalar(around.key)) path.push(String(around.key.value));
    else if (isSeq(around)) path.push(around.items.indexOf(chain[depth + 1]));
    else if (isMap(around)) continue;
  }
  return path;
}

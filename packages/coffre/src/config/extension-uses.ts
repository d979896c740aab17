/** What a configuration wants of extensions, with the places. Works on what is there, mistakes or not. */
import { eachAt, plainOf, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

export type ExtensionUse = {
  readonly kind: 'sources' | 'validations' | 'retention' | 'storages' | 'triggers' | 'channels';
  /** What the extension calls it. */
  readonly use: string;
  /** Where that is written. */
  readonly path: ConfigPath;
  /** As written; undefined where there are none, or where they hold what is not known here. */
  readonly settings: unknown;
};

export function extensionUses(root: Located): ExtensionUse[] {
  return [
    ...at(root, 'sites.*.sources.*.use').map(({ path, text }) => use('sources', text, path)),
    ...at(root, 'sites.*.sources.*.validate.extension').map(({ path, text }) => use('validations', text, path)),
    ...at(root, 'plans.*.retention.*.strategy').map(({ path, text }) => use('retention', text, path)),
    ...at(root, 'repositories.*.url').flatMap(({ path, text }) => {
      const [, name] = /^extension:([^:]+):/.exec(text) ?? [];
      return name === undefined ? [] : [use('storages', name, path)];
    }),
    ...[...at(root, 'plans.*.schedule.trigger.use'), ...at(root, 'plans.*.schedule.trigger.*.use')].map(
      ({ path, text }) => withSettings(root, use('triggers', text, path)),
    ),
    ...at(root, 'alerts.channels.*.extension.use').map(({ path, text }) =>
      withSettings(root, use('channels', text, path)),
    ),
  ];
}

function use(kind: ExtensionUse['kind'], name: string, path: ConfigPath): ExtensionUse {
  return { kind, use: name, path, settings: undefined };
}

function withSettings(root: Located, found: ExtensionUse): ExtensionUse {
  const written = valueAt(root, [...found.path.slice(0, -1), 'settings']);
  if (written === undefined) return { ...found, settings: {} };
  const plain = plainOf(written);
  return JSON.stringify(plain).includes('${') ? found : { ...found, settings: plain };
}

/** Without a module nothing can be brought, which is seen without loading any. */
export function extensionMistakes(root: Located): Mistake[] {
  const named = valueAt(root, ['extensions']);
  if (named !== undefined && (named.kind !== 'list' || named.items.length > 0)) return [];
  return extensionUses(root).map(({ use: name, path, kind }) => ({
    severity: 'error',
    place: valueAt(root, path)!.place,
    path,
    message: `\`${pathText(path)}\` names the ${nouns[kind]} \`${name}\`, and no module is named under \`extensions\``,
    hint: 'Add it: `extensions: [./file.ts]`, or a package.',
  }));
}

export const nouns: Readonly<Record<ExtensionUse['kind'], string>> = {
  sources: 'source',
  validations: 'validation',
  retention: 'strategy',
  storages: 'storage',
  triggers: 'trigger',
  channels: 'channel',
};

type Found = { readonly path: ConfigPath; readonly text: string };

function at(root: Located, pattern: string): Found[] {
  const found: Found[] = [];
  eachAt(root, pattern, (value, path) => {
    if (value.kind === 'scalar' && typeof value.value === 'string') found.push({ path: [...path], text: value.value });
  });
  return found;
}

/** Modules that the configuration names, loaded when something of them is used. */
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CoffreError, messageOf } from '@coffre/repository/opening';
import type {
  AnyExtensionChannel,
  AnyExtensionTrigger,
  Extension,
  ExtensionRetention,
  ExtensionSource,
  ExtensionStorage,
  ExtensionValidation,
} from './contract.ts';

export type ExtensionPlaces = {
  /** As the configuration names them: files with a dot or slash in front, else packages. */
  readonly names: readonly string[];
  /** Of the configuration: files and packages are looked for from here. */
  readonly folder: string;
};

type Kinds = {
  sources: ExtensionSource<unknown, unknown>;
  validations: ExtensionValidation;
  retention: ExtensionRetention;
  storages: ExtensionStorage;
  triggers: AnyExtensionTrigger;
  channels: AnyExtensionChannel;
};

export type ExtensionKind = keyof Kinds;

/** @throws {CoffreError} EXTENSION_UNUSABLE */
export async function extensionFor<Kind extends keyof Kinds>(
  places: ExtensionPlaces | undefined,
  kind: Kind,
  name: string,
): Promise<Kinds[Kind]> {
  if (places === undefined || places.names.length === 0) {
    throw unusable(`nothing brings ${extensionWords[kind]} ${JSON.stringify(name)}: no extension is named`, {
      hint: 'Name its module under `extensions` in the configuration.',
    });
  }
  const found: { readonly module: string; readonly value: unknown }[] = [];
  const brought: string[] = [];
  for (const module of places.names) {
    const parts: Readonly<Record<string, unknown>> = (await loadModule(module, places.folder))[kind] ?? {};
    brought.push(...Object.keys(parts));
    if (Object.hasOwn(parts, name)) found.push({ module, value: parts[name] });
  }
  const [first, second] = found;
  if (first === undefined) {
    throw unusable(`no extension brings ${extensionWords[kind]} ${JSON.stringify(name)}`, {
      hint: brought.length === 0 ? 'None of them brings any.' : `There is ${brought.toSorted().join(', ')}.`,
    });
  }
  if (second === undefined) return first.value as Kinds[Kind];
  throw unusable(`${first.module} and ${second.module} both bring ${extensionWords[kind]} ${JSON.stringify(name)}`, {
    hint: 'Take one of them out of `extensions`.',
  });
}

/** Of one kind, by all modules. @throws {CoffreError} EXTENSION_UNUSABLE when one of them cannot be loaded */
export async function namesBrought(places: ExtensionPlaces, kind: ExtensionKind): Promise<string[]> {
  const names: string[] = [];
  for (const module of places.names) names.push(...Object.keys((await loadModule(module, places.folder))[kind] ?? {}));
  return names;
}

export const extensionWords = {
  sources: 'the source',
  validations: 'the validation',
  retention: 'the retention strategy',
  storages: 'the storage',
  triggers: 'the trigger',
  channels: 'the channel',
} as const;

async function loadModule(name: string, folder: string): Promise<Extension> {
  const base = resolve(folder);
  let loaded: unknown;
  try {
    const isFile = name.startsWith('.') || isAbsolute(name);
    const path = isFile ? resolve(base, name) : createRequire(join(base, 'coffre.yaml')).resolve(name);
    loaded = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw unusable(`the extension ${name} cannot be loaded: ${messageOf(cause).split('\n', 1).join('')}`, {
      hint: `It is looked for from ${base}. A package must be installed there, as JavaScript.`,
      cause,
    });
  }
  const extension =
    typeof loaded === 'object' && loaded !== null && 'extension' in loaded ? loaded.extension : undefined;
  if (typeof extension === 'object' && extension !== null) return extension;
  throw unusable(`${name} is no extension: it exports no object \`extension\``, {
    hint: 'Write `export const extension = {…} satisfies Extension`; the type is in the package coffre.',
  });
}

function unusable(message: string, detail: { readonly hint: string; readonly cause?: unknown }): CoffreError {
  return new CoffreError('EXTENSION_UNUSABLE', message, detail);
}

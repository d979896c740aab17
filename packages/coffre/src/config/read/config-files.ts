/** Finds and reads configuration files: one main file, what it includes, and `conf.d/` beside it. */
import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CoffreError } from '@coffre/repository/opening';
import type { Located } from '../located.ts';
import type { Mistake } from '../mistake.ts';
import type { Variables } from '../variables.ts';
import { readYaml } from '../yaml-text.ts';
import type { ReadYaml } from '../yaml-text.ts';
import { readAtMost } from './bounded-file.ts';

const fileName = 'coffre.yaml';
const includesMax = 200;
const sizeMax = 4 << 20;

/** Where a configuration is looked for, in this order. */
export function configPlaces(environment: Variables, folder: string): readonly string[] {
  const home =
    environment['XDG_CONFIG_HOME'] ?? (environment['HOME'] ? join(environment['HOME'], '.config') : undefined);
  return [
    join(folder, fileName),
    ...(home === undefined || home === '' ? [] : [join(home, 'coffre', fileName)]),
    join('/etc/coffre', fileName),
  ];
}

/** The file that is named, or the first that exists; undefined when none was named and none is there. */
export function findConfigFile(named: string | undefined, environment: Variables, folder: string): string | undefined {
  const chosen = named ?? (environment['COFFRE_CONFIG'] || undefined);
  if (chosen !== undefined) return chosen;
  const found = configPlaces(environment, folder).find((path) => readIfThere(path) !== undefined);
  return found?.startsWith(`${folder}/`) === true ? found.slice(folder.length + 1) : found;
}

/**
 * In the order in which they win: includes, the file, `conf.d/*.yaml` by name.
 * @throws {CoffreError} CONFIG_NOT_FOUND when the file itself is not there
 */
export function readConfigFiles(file: string, folder: string): readonly ReadYaml[] {
  const text = readIfThere(resolve(folder, file));
  if (text === undefined) {
    throw new CoffreError('CONFIG_NOT_FOUND', `there is no configuration at ${file}`, {
      hint: 'Name another with --config FILE or COFFRE_CONFIG.',
    });
  }
  const reading = new Reading(folder);
  const main = reading.withIncludes(file, text, []);
  const confD = join(dirname(file), 'conf.d');
  const parts = yamlNamesIn(resolve(folder, confD)).flatMap((name) => {
    const part = join(confD, name);
    return reading.withIncludes(part, readIfThere(resolve(folder, part)) ?? '', []);
  });
  return [...main, ...parts];
}

class Reading {
  readonly #folder: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  withIncludes(file: string, text: string, within: readonly string[]): ReadYaml[] {
    const read = readYaml({ file, text });
    const mistakes: Mistake[] = [...read.mistakes];
    // Keys of the file that includes it would hide what it is.
    if (within.length > 0 && read.value.kind !== 'map') {
      const { place } = read.value;
      mistakes.push({ severity: 'error', place, path: [], message: `${file} must be a map of keys`, hint: undefined });
    }
    const chain = [...within, resolve(this.#folder, file)];
    const before = includesOf(read.value).flatMap(({ path, at }) => {
      const included = join(path.startsWith('/') ? '/' : dirname(file), path);
      const refuse = (message: string, hint?: string): ReadYaml[] => {
        mistakes.push({ severity: 'error', place: at.place, path: ['include'], message, hint });
        return [];
      };
      this.#count += 1;
      if (this.#count > includesMax) return refuse(`more than ${includesMax} files are included`);
      if (chain.includes(resolve(this.#folder, included))) return refuse(`\`include\` comes back to ${path}`);
      try {
        const inner = readIfThere(resolve(this.#folder, included));
        if (inner !== undefined) return this.withIncludes(included, inner, chain);
      } catch (error) {
        if (error instanceof CoffreError) return refuse(error.message, error.hint);
        throw error;
      }
      return refuse(`\`include\` names ${path}, which does not exist`, `It is looked for beside ${file}.`);
    });
    return [...before, { value: read.value, mistakes }];
  }
}

function includesOf(root: Located): { path: string; at: Located }[] {
  const include = root.kind === 'map' ? root.entries.get('include')?.value : undefined;
  if (include?.kind !== 'list') return [];
  return include.items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [{ path: item.value, at: item }] : [],
  );
}

function yamlNamesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[^.].*\.ya?ml$/.test(name))
      .toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw unreadable(folder, error);
  }
}

/** @throws {CoffreError} CONFIG_NOT_FOUND when it is there and cannot be read, CONFIG_INVALID */
function readIfThere(path: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readAtMost(path, sizeMax);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unreadable(path, error);
  }
  if (bytes.length > sizeMax) {
    throw new CoffreError('CONFIG_INVALID', `${path} is larger than 4 MiB`, { hint: 'Split it into `conf.d/`.' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CoffreError('CONFIG_INVALID', `${path} is not text in UTF-8`, { hint: 'Save it as UTF-8.' });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function unreadable(path: string, error: unknown): CoffreError {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const hints: Readonly<Record<string, string>> = {
    EACCES: 'Check owner and permissions, and as whom coffre runs.',
    EFIFO: 'It is a FIFO. Name a file; `<(COMMAND)` and /dev/stdin work too.',
    ETIMEDOUT: 'Who writes to it wrote nothing more for half a minute, and did not end either.',
    EISDIR: 'Name a file, not a folder.',
  };
  return new CoffreError('CONFIG_NOT_FOUND', `the configuration ${path} cannot be read: ${reason}`, {
    ...(hints[reason] === undefined ? {} : { hint: hints[reason] }),
    cause: error,
  });
}

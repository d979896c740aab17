/** `--host`, `--tag` and `--path`, and finding what was named, as restic's verbs do it. */
import { CoffreError, findSnapshot, findSnapshots, isCoffreError, messageOf, parseTagList } from '@coffre/repository';
import type { ErrorCode, FoundSnapshot, Repository, SnapshotFilter, StoredSnapshot } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Environment } from './global-options.ts';
import type { Printer } from './output/printer.ts';
import { collect } from './values.ts';

export function addSnapshotFilter<Args extends unknown[], Options, Globals>(
  command: Command<Args, Options & {}, Globals & {}>,
  hostFlags: '-H, --host <host>' | '--host <host>' = '-H, --host <host>',
) {
  return command
    .option(hostFlags, 'only snapshots of this host (repeatable; an empty text lifts $RESTIC_HOST)', collect)
    .option('--tag <tag,…>', 'only snapshots with all of these tags (repeatable: one of the lists)', collect)
    .option('--path <path>', 'only snapshots of this absolute path (repeatable: all of them)', collect);
}

export type FilterOptions = {
  readonly host?: readonly string[] | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly path?: readonly string[] | undefined;
};

/** RESTIC_HOST counts where no `--host` was given; `--host ''` takes it away. */
export function snapshotFilter(options: FilterOptions, environment: Environment): SnapshotFilter {
  const usual = environment['RESTIC_HOST'] || environment['COFFRE_HOST'];
  const hosts = options.host ?? (usual ? [usual] : []);
  return {
    hosts: hosts.length === 1 && hosts[0] === '' ? [] : hosts,
    tags: (options.tag ?? []).map((text) => parseTagList(text)),
    paths: options.path ?? [],
  };
}

/**
 * The snapshots named, or all that pass the filter when none is. What cannot be found is reported and left out, which is
 * no failure: a script that names a snapshot already forgotten goes on.
 */
export async function selectSnapshots(
  { repository, printer }: { readonly repository: Repository; readonly printer: Printer },
  filter: SnapshotFilter,
  names: readonly string[],
  ignoring: (name: string, error: unknown) => void = () => undefined,
): Promise<readonly StoredSnapshot[]> {
  const { found, problems, filterUnused } = await findSnapshots(repository, names, filter);
  for (const { name, error } of problems) {
    printer.error(`Ignoring ${JSON.stringify(name)}: ${messageOf(inRestic(error, name))}`);
    ignoring(name, error);
  }
  if (filterUnused) printer.error('Ignoring "filters": explicit snapshot ids are given');
  return found;
}

/** The one snapshot named, with the folder after its colon. @throws {CoffreError} SNAPSHOT_NOT_FOUND, ID_AMBIGUOUS, USAGE */
export async function selectSnapshot(
  repository: Repository,
  filter: SnapshotFilter,
  name: string,
): Promise<FoundSnapshot> {
  try {
    return await findSnapshot(repository, name, filter);
  } catch (error) {
    throw inRestic(error, name);
  }
}

/** restic's words for a name that fits nothing or too much; programs look for them. */
function inRestic(error: unknown, name: string): unknown {
  const prefix = JSON.stringify(name.replace(/:.*$/s, ''));
  const say = (code: ErrorCode, message: string): CoffreError => {
    const hint = isCoffreError(error) ? error.hint : undefined;
    return new CoffreError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
  };
  if (isCoffreError(error, 'ID_AMBIGUOUS')) return say('ID_AMBIGUOUS', `multiple IDs with prefix ${prefix} found`);
  const isName = !name.startsWith('latest');
  if (isName && (isCoffreError(error, 'SNAPSHOT_NOT_FOUND') || isCoffreError(error, 'USAGE')) && !name.includes(':')) {
    return say('SNAPSHOT_NOT_FOUND', `no matching ID found for prefix ${prefix}`);
  }
  return error;
}

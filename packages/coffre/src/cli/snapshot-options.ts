/** `--host`, `--tag` and `--path`, and finding what was named, as restic's verbs do it. */
import { isCoffreError, latestOf, matchesFilter, messageOf, parseSnapshotName, parseTagList, resolvePrefix } from '@coffre/repository';
import type { Repository, SnapshotFilter, SnapshotId, StoredSnapshot } from '@coffre/repository';
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

export type SnapshotSource = {
  readonly repository: Repository;
  readonly printer: Printer;
};

/**
 * The snapshots named, or all that pass the filter when none is. What cannot be found is reported and left out.
 * Names go past the filter, except `latest`, which looks inside it.
 */
export async function selectSnapshots(
  { repository, printer }: SnapshotSource,
  filter: SnapshotFilter,
  names: readonly string[],
): Promise<StoredSnapshot[]> {
  if (names.length === 0) {
    return (await repository.listSnapshots()).filter(({ snapshot }) => matchesFilter(snapshot, filter));
  }
  const search = new SnapshotSearch(repository, filter);
  const found = new Map<SnapshotId, StoredSnapshot>();
  for (const name of names) {
    try {
      const { stored } = await search.find(name);
      found.set(stored.id, stored);
    } catch (error) {
      if (!isCoffreError(error)) throw error;
      printer.error(`Ignoring ${JSON.stringify(name)}: ${messageOf(error)}`);
    }
  }
  return [...found.values()];
}

/** The one snapshot named, with the folder after its colon. @throws {CoffreError} SNAPSHOT_NOT_FOUND, ID_AMBIGUOUS, USAGE */
export async function selectSnapshot(
  repository: Repository,
  filter: SnapshotFilter,
  name: string,
): Promise<{ stored: StoredSnapshot; folder: string | undefined }> {
  return await new SnapshotSearch(repository, filter).find(name);
}

/** Lists are read once, however many names are looked up. */
class SnapshotSearch {
  readonly #repository: Repository;
  readonly #filter: SnapshotFilter;
  #ids: Promise<readonly SnapshotId[]> | undefined;
  #all: Promise<readonly StoredSnapshot[]> | undefined;

  constructor(repository: Repository, filter: SnapshotFilter) {
    this.#repository = repository;
    this.#filter = filter;
  }

  async find(text: string): Promise<{ stored: StoredSnapshot; folder: string | undefined }> {
    const { wanted, folder } = parseSnapshotName(text);
    if (wanted.kind === 'id') {
      this.#ids ??= this.#repository.listIds('snapshots').then((files) => files.map(({ id }) => id));
      const id = resolvePrefix(await this.#ids, wanted.prefix, 'snapshot');
      return { stored: { id, snapshot: await this.#repository.loadSnapshot(id) }, folder };
    }
    this.#all ??= this.#repository.listSnapshots();
    const nowNs = this.#repository.host.clock.nowNs();
    return { stored: latestOf(await this.#all, { nowNs, filter: this.#filter, back: wanted.back }), folder };
  }
}

import { carriedBytes, findFolder, listTree, sortEntries } from '@coffre/repository';
import type { IndexedRepository, ListedEntry, SortMode, StoredSnapshot } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { NcduOutline } from './output/ncdu.ts';
import { listedNodeJson, nodeLine } from './output/node.ts';
import { snapshotJson, snapshotSentence } from './output/snapshots.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { addSnapshotFilter, selectSnapshot, snapshotFilter } from './snapshot-options.ts';
import { parseChoice, usage } from './values.ts';

type LsVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addSnapshotFilter(
    command
      .argument('[snapshot]', 'an id, its beginning or latest; with `:folder` only that folder')
      .argument('[folder...]', 'absolute; only these and what is directly in them'),
  )
    .option('-l, --long', 'show mode, owner, size and time too')
    .option('--recursive', 'with folders: everything below them')
    .option('--human-readable', 'sizes in KiB, MiB and so on')
    .option('--ncdu', 'print for `ncdu -f -`')
    .option('-s, --sort <order>', 'name, size, time (or mtime), atime, ctime or extension', 'name')
    .option('--reverse', 'the other way round');
}

const sortModes: Readonly<Record<string, SortMode>> = {
  name: 'name',
  size: 'size',
  time: 'mtime',
  mtime: 'mtime',
  atime: 'atime',
  ctime: 'ctime',
  extension: 'extension',
};

export function defineLs(command: Command, cli: Cli): void {
  addOptions(command).action(async (name, folders, options) => {
    const printer = cli.printer();
    if (name === undefined) throw usage("no snapshot ID specified, specify snapshot ID or use special ID 'latest'");
    const sort = sortModes[parseChoice(options.sort, '--sort', Object.keys(sortModes))] ?? 'name';
    if (options.ncdu === true && printer.json) throw usage("only either '--json' or '--ncdu' can be specified");
    if (options.ncdu === true && sort !== 'name') throw usage('--sort and --ncdu are mutually exclusive');
    if (options.ncdu === true && options.reverse === true) throw usage('--reverse and --ncdu are mutually exclusive');
    if (folders.some((folder) => !folder.startsWith('/'))) {
      throw usage("All path filters must be absolute, starting with a forward slash '/'");
    }
    await using session = await openSession(cli, 'read', { besideLock: true });
    const { repository } = session;
    const filter = snapshotFilter(options, cli.environment);
    const [indexed, found] = await session.reading(async () =>
      Promise.all([repository.loadIndex(), selectSnapshot(repository, filter, name)]),
    );
    const tree =
      found.folder === undefined ? found.snapshot.tree : await findFolder(indexed, found.snapshot.tree, found.folder);
    const stored = { id: found.id, snapshot: { ...found.snapshot, tree } };
    await print(session, indexed, stored, folders, { ...options, sort });
  });
}

async function print(
  { printer }: Session,
  indexed: IndexedRepository,
  stored: StoredSnapshot,
  folders: readonly string[],
  options: LsVerbOptions & { readonly sort: SortMode },
): Promise<void> {
  const { tree } = stored.snapshot;
  const listOptions = {
    folders: folders.map((folder) => carriedBytes(folder)),
    recursive: options.recursive === true,
  };
  if (options.ncdu === true) {
    const outline = new NcduOutline((text) => printer.terminal.printPart(text));
    outline.begin(stored.snapshot);
    await listTree(indexed, tree, listOptions, (event) =>
      event.kind === 'entry' ? outline.entry(event.node) : outline.leave(),
    );
    return outline.end();
  }
  if (printer.json) printer.message({ ...snapshotJson(stored), message_type: 'snapshot', struct_type: 'snapshot' });
  else printer.normal(`${snapshotSentence(stored)} filtered by [${folders.join(' ')}]:`);
  const long = { long: options.long === true, humanReadable: options.humanReadable === true };
  const show = ({ path, node }: ListedEntry): void => {
    if (printer.json) printer.message(listedNodeJson(path, node));
    else printer.always(nodeLine(path, node, long));
  };
  const gathered: ListedEntry[] = [];
  const isOrdered = options.sort === 'name' && options.reverse !== true;
  await listTree(indexed, tree, listOptions, (event) => {
    if (event.kind !== 'entry' || event.isLeading) return;
    if (isOrdered) show(event);
    else gathered.push({ path: event.path, node: event.node });
  });
  for (const entry of sortEntries(gathered, options.sort, options.reverse === true)) show(entry);
}

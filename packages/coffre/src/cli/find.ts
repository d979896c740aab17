import {
  compilePatterns,
  findFiles,
  findObjects,
  isId,
  newestFirst,
  parseId,
  shortId,
  timestampOfNs,
  toText,
} from '@coffre/repository';
import type { BlobId, FoundObject, IndexedRepository, StoredSnapshot, Timestamp } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { showName } from './output/display.ts';
import { formatLocalTime } from './output/local-time.ts';
import { jsonText } from './output/json.ts';
import { foundNodeJson, nodeLine } from './output/node.ts';
import type { Printer } from './output/printer.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { parseLooseTime } from './times.ts';
import { collect, parseSize, usage } from './values.ts';

type FindVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addSnapshotFilter(
    command.argument('[pattern...]', 'names and paths with * and ?, or ids with --blob, --tree or --pack'),
  )
    .option('-O, --oldest <time>', 'only what was changed at this time or later')
    .option('-N, --newest <time>', 'only what was changed at this time or earlier')
    .option('--size-min <size>', 'only files of at least this size')
    .option('--size-max <size>', 'only files of at most this size')
    .option('-s, --snapshot <id>', 'only in this snapshot (repeatable)', collect)
    .option('--blob', 'the patterns are blob ids')
    .option('--tree', 'the patterns are tree ids')
    .option('--pack', 'the patterns are pack ids')
    .option('--show-pack-id', 'with --blob or --tree: also the pack it is in')
    .option('-i, --ignore-case', 'whatever the case of letters')
    .option('-R, --reverse', 'oldest snapshot first')
    .option('-l, --long', 'show mode, owner, size and time too')
    .option('--human-readable', 'sizes in KiB, MiB and so on');
}

export function defineFind(command: Command, cli: Cli): void {
  addOptions(command).action(async (patterns, options) => {
    if (patterns.length === 0) throw usage('wrong number of arguments', 'Say what to look for: coffre find "*.conf".');
    const kinds = [options.blob, options.tree, options.pack].filter((kind) => kind === true).length;
    if (kinds > 1) throw usage('cannot have several ID types');
    const query = queryOf(patterns, options);
    await using session = await openSession(cli, 'read', { besideLock: true });
    const { repository, printer } = session;
    const filter = snapshotFilter(options, cli.environment);
    const [indexed, found] = await session.reading(async () =>
      Promise.all([repository.loadIndex(), selectSnapshots(session, filter, options.snapshot ?? [])]),
    );
    const snapshots = options.reverse === true ? newestFirst(found).toReversed() : newestFirst(found);
    if (kinds === 0) await printFiles(printer, indexed, snapshots, query, options);
    else await printObjects(printer, indexed, snapshots, patterns, options);
  });
}

type Query = Omit<Parameters<typeof findFiles>[2], never>;

function queryOf(patterns: readonly string[], options: FindVerbOptions): Query {
  const time = (text: string | undefined, option: string): Timestamp | undefined =>
    text === undefined || text === ''
      ? undefined
      : timestampOfNs(BigInt(parseLooseTime(text, option).getTime()) * 1_000_000n);
  const oldest = time(options.oldest, '--oldest');
  const newest = time(options.newest, '--newest');
  if (oldest !== undefined && newest !== undefined && oldest.sec > newest.sec) {
    throw usage('--oldest must specify a time before --newest');
  }
  const isById = options.blob === true || options.tree === true || options.pack === true;
  return {
    patterns: compilePatterns(isById ? [] : patterns, { ignoreCase: options.ignoreCase === true }),
    ...(oldest === undefined ? {} : { oldest }),
    ...(newest === undefined ? {} : { newest }),
    ...(options.sizeMin === undefined ? {} : { sizeBytesMin: parseSize(options.sizeMin, '--size-min') }),
    ...(options.sizeMax === undefined ? {} : { sizeBytesMax: parseSize(options.sizeMax, '--size-max') }),
  };
}

function timeOf({ snapshot }: StoredSnapshot): string {
  return formatLocalTime(new Date(snapshot.time));
}

async function printFiles(
  printer: Printer,
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
  query: Query,
  options: FindVerbOptions,
): Promise<void> {
  let at: StoredSnapshot | undefined;
  let hits = 0;
  const closeGroup = (): string => (at === undefined ? '' : `],"hits":${hits},"snapshot":"${at.id}"}`);
  await findFiles(indexed, snapshots, query, (event) => {
    if (event.kind === 'unreadable') return sayUnreadable(printer, event.treeId, event.snapshot);
    const isNew = at !== event.snapshot;
    if (printer.json) {
      const before = at === undefined ? '[{"matches":[' : isNew ? `${closeGroup()},{"matches":[` : ',';
      if (isNew) hits = 0;
      hits += 1;
      printer.terminal.printPart(before + jsonText(foundNodeJson(event.path, event.node)));
    } else {
      if (isNew && at !== undefined) printer.normal('');
      if (isNew)
        printer.normal(
          `Found matching entries in snapshot ${shortId(event.snapshot.id)} from ${timeOf(event.snapshot)}`,
        );
      printer.always(
        nodeLine(event.path, event.node, {
          long: options.long === true,
          humanReadable: options.humanReadable === true,
        }),
      );
    }
    at = event.snapshot;
  });
  if (printer.json) printer.terminal.printPart(at === undefined ? '[]\n' : `${closeGroup()}]\n`);
}

function sayUnreadable(printer: Printer, treeId: BlobId, snapshot: StoredSnapshot): void {
  printer.error(`Unable to load tree ${treeId}\n ... which belongs to snapshot ${snapshot.id}`);
}

async function printObjects(
  printer: Printer,
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
  ids: readonly string[],
  options: FindVerbOptions,
): Promise<void> {
  let count = 0;
  const seen = new Map<string, FoundObject['objectType']>();
  const wanted = options.blob === true ? { blobs: ids } : options.tree === true ? { trees: ids } : { packs: ids };
  await findObjects(indexed, snapshots, wanted, (event) => {
    if (event.kind === 'unreadable') return sayUnreadable(printer, event.treeId, event.snapshot);
    seen.set(event.id, event.objectType);
    if (printer.json) printer.terminal.printPart((count === 0 ? '[' : ',') + jsonText(objectJson(event)));
    else printObject(printer, event);
    count += 1;
  });
  if (printer.json) printer.terminal.printPart(count === 0 ? '[]\n' : ']\n');
  if (options.showPackId !== true) return;
  const asked = options.pack === true ? [] : ids.filter((id) => !seen.has(id) && isId(id));
  for (const id of asked) seen.set(id, options.tree === true ? 'tree' : 'blob');
  for (const [id, type] of seen) printPlace(printer, indexed, parseId<BlobId>(id), type);
}

function objectJson(found: FoundObject): Record<string, unknown> {
  return {
    object_type: found.objectType,
    id: found.id,
    path: toText(found.path),
    ...(found.parentTree === undefined ? {} : { parent_tree: found.parentTree }),
    snapshot: found.snapshot.id,
    time: found.snapshot.snapshot.time,
  };
}

function printObject(printer: Printer, found: FoundObject): void {
  const path = showName(found.path);
  printer.always(`Found ${found.objectType} ${found.id}`);
  if (found.objectType === 'blob') {
    printer.always(` ... in file ${path}`);
    printer.always(`     (tree ${found.parentTree ?? ''})`);
  } else printer.always(` ... path ${path}`);
  printer.always(` ... in snapshot ${shortId(found.snapshot.id)} (${timeOf(found.snapshot)})`);
}

function printPlace(printer: Printer, indexed: IndexedRepository, id: BlobId, type: FoundObject['objectType']): void {
  const [place] = indexed.places(type === 'blob' ? 'data' : 'tree', id);
  const kind = type === 'blob' ? 'data' : 'tree';
  if (place === undefined) return printer.always(`Object ${shortId(id)} with type ${kind} not found in the index`);
  printer.always(`Object belongs to pack ${place.packId}`);
  const size = place.uncompressedLength === undefined ? '' : `, uncompressed length ${place.uncompressedLength}`;
  printer.always(
    ` ... Pack ${shortId(place.packId)}: <Blob (${kind}) ${shortId(id)}, offset ${place.offset}, length ${place.length}${size}>`,
  );
}

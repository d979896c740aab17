/**
 * One snapshot of several sources: look at all of them, dump one after the other, and last the manifest. Whatever fails on
 * the way, no snapshot is published.
 */
import type { KeyObject } from 'node:crypto';
import {
  backup,
  CoffreError,
  isCoffreError,
  messageOf,
  toText,
  type BackupOptions,
  type BackupResult,
  type IndexedRepository,
  type SavedContent,
  type SavedStream,
  type StoredSnapshot,
  type StreamSource,
} from '@coffre/repository';
import { closeWithManifest, type AboutBackup, type BesideFile } from '../manifest/close.ts';
import type { ManifestSource } from '../manifest/manifest.ts';
import { loadManifest } from '../manifest/verify.ts';
import type { Dump, SourceContext, SourceType, SourceWalk } from '../source/source.ts';
import { typeOf, type SourceSpec } from '../source/source-types.ts';

export type SaveRequest = {
  readonly indexed: IndexedRepository;
  readonly sources: readonly SourceSpec[];
  readonly context: SourceContext;
  readonly key: KeyObject;
  /** What the manifest says beside the sources. */
  readonly about: () => Promise<Omit<AboutBackup, 'sources' | 'warnings'>>;
  /** The newest complete snapshot of the same sources. */
  readonly last: StoredSnapshot | undefined;
  /** Files that say how this backup was asked for, put beside the manifest and covered by it. */
  readonly beside?: readonly BesideFile[];
  /** Told when the next part begins; with `read`, how much is expected where that is known. */
  readonly stage?: (stage: SaveStage, sizeBytes?: number) => void;
  readonly options: Omit<BackupOptions, 'paths' | 'stream' | 'streams' | 'closing' | 'judge' | 'selection' | 'parent'>;
};

/** The last one begins when everything is read: from here on the sources may change. */
export type SaveStage = 'preflight' | 'read' | 'publish';

export type SaveOutcome = { readonly result: BackupResult; readonly warnings: readonly string[] };

/** What the snapshot records as its paths. */
export function listedPathsOf(sources: readonly SourceSpec[]): string[] {
  return [...new Set(sources.flatMap(({ kind, settings }) => typeOf(kind).listedPaths(settings)))].toSorted();
}

type Prepared = {
  readonly source: SourceSpec;
  readonly type: SourceType<unknown, unknown>;
  readonly dump: Dump<unknown>;
};

export async function saveSources(request: SaveRequest): Promise<SaveOutcome> {
  const { indexed, sources, context, options, last } = request;
  refuseTwins(sources);
  const warnings: string[] = [];
  request.stage?.('preflight');
  const lastEntries = await lastSources(request);
  let sizeBytes: number | undefined = 0;
  for (const { kind, settings } of sources) {
    const type = typeOf(kind);
    const entry = lastEntries.find((one) => one.kind === kind && one.name === settings.name);
    const found = await type.preflight(settings, context, truthOf(type, entry));
    sizeBytes = sizeBytes === undefined || found.sizeBytes === undefined ? undefined : sizeBytes + found.sizeBytes;
    warnings.push(...found.warnings.map((line) => `${settings.name}: ${line}`));
  }
  request.stage?.('read', sizeBytes);
  await using opened = new AsyncDisposableStack();
  const prepared: Prepared[] = [];
  for (const source of sources) {
    const type = typeOf(source.kind);
    prepared.push({ source, type, dump: opened.use(await type.dump(source.settings, context)) });
  }
  const closing = closeWithManifest({
    indexed,
    key: request.key,
    signal: context.signal,
    readsAll: options.change?.readAll === true,
    beside: request.beside ?? [],
    about: async (saved) => {
      const sources = await entriesOf(prepared, saved);
      request.stage?.('publish');
      return { ...(await request.about()), sources, warnings };
    },
  });
  const walk = joinWalks(prepared.flatMap(({ dump }) => (dump.walk === undefined ? [] : [dump.walk])));
  const streams: StreamSource[] = prepared.flatMap(({ dump }) => dump.streams);
  const result = await backup(indexed, {
    ...options,
    ...walk,
    streams,
    closing,
    listedPaths: listedPathsOf(sources),
    parent: last?.id ?? 'none',
  });
  return { result, warnings };
}

/** Two sources of one name would have one folder. */
function refuseTwins(sources: readonly SourceSpec[]): void {
  const names = new Set<string>();
  for (const { settings } of sources) {
    if (names.has(settings.name)) {
      throw new CoffreError('USAGE', `two sources are called ${JSON.stringify(settings.name)}`, {
        hint: 'Give each a name of its own.',
      });
    }
    names.add(settings.name);
  }
}

async function lastSources({ indexed, last, context }: SaveRequest): Promise<readonly ManifestSource[]> {
  if (last === undefined) return [];
  try {
    return (await loadManifest(indexed, last.snapshot.tree, context.signal)).manifest.sources;
  } catch (error) {
    if (!isCoffreError(error) || context.signal.aborted) throw error;
    context.warn(`the last snapshot cannot be compared with: ${messageOf(error)}`);
    return [];
  }
}

function truthOf(type: SourceType<unknown, unknown>, entry: ManifestSource | undefined): unknown {
  if (entry === undefined) return undefined;
  try {
    return type.parseTruth(entry.truth);
  } catch {
    // Of another version: as good as none.
    return undefined;
  }
}

async function entriesOf(prepared: readonly Prepared[], saved: SavedContent): Promise<ManifestSource[]> {
  const entries: ManifestSource[] = [];
  for (const { source, dump } of prepared) {
    const own = new Set(dump.streams.map(({ path }) => path));
    const streams: SavedStream[] = saved.streams.filter(({ path }) => own.has(path));
    entries.push({
      kind: source.kind,
      name: source.settings.name,
      streams: streams.map(({ path, sizeBytes, sha256 }) => ({ path: toText(path), sizeBytes, sha256 })),
      truth: await dump.truth(streams),
    });
  }
  return entries;
}

/** One walk for all: the library takes one selection and one judge. */
function joinWalks(walks: readonly SourceWalk[]): Pick<BackupOptions, 'paths' | 'selection' | 'judge' | 'elsewhere'> {
  const [only] = walks;
  if (only === undefined) return {};
  if (walks.length > 1) {
    throw new CoffreError('INTERNAL', 'a snapshot has one source of files; several paths belong to it');
  }
  return only;
}

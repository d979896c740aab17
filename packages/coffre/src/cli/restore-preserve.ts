/** What a restore in place is about to replace, saved first: a temporary backup that can be restored like any other. */
import { existsSync } from 'node:fs';
import {
  backup,
  bytesOf,
  CoffreError,
  isCoffreError,
  shortId,
  toByteString,
  toText,
  zeroCounters,
} from '@coffre/repository';
import type { ByteString, IndexedRepository, SnapshotId } from '@coffre/repository';
import type { RestorePart } from '../named/restore-parts.ts';
import type { SourceSpec } from '../source/source-types.ts';
import { livePath } from '../named/restore-parts.ts';
import { tagsOf } from '../named/tags.ts';
import { specOf } from './restore-part.ts';
import type { PartWork } from './restore-part.ts';
import { sourceContext } from './source-context.ts';
import { programVersion } from './version.ts';

export type PreserveRequest = {
  readonly indexed: IndexedRepository;
  readonly parts: readonly RestorePart[];
  readonly plan: string | undefined;
  readonly source: string | undefined;
  /** The same for everything that is saved before one restore: together they are one backup. */
  readonly run: string;
  readonly work: PartWork;
  /** Of this machine: where the key is that signs manifests. */
  readonly stateFolder: string;
};

export type Preserved = {
  /** Undefined when there was nothing to save. */
  readonly snapshot: SnapshotId | undefined;
  /** What could not be saved because it is not configured here; the person is told. */
  readonly left: readonly string[];
};

/**
 * Files as they lie there, also of a database: what is damaged could not be saved in any other way. What lies in a server is
 * dumped as a backup dumps it.
 * @throws {CoffreError} what keeps them from being saved; nothing is replaced then
 */
export async function preserve(request: PreserveRequest): Promise<Preserved> {
  const { parts, work } = request;
  const paths = [...new Set(parts.flatMap(livePaths))].filter((path) => existsSync(bytesOf(path)));
  if (paths.length > 0) return { snapshot: await preserveFiles(request, paths), left: [] };
  const specs: SourceSpec[] = [];
  const left: string[] = [];
  for (const part of parts) {
    if (part.kind !== 'source' || livePath(part.entry) !== undefined) continue;
    const spec = await specOf(part, work);
    if (spec === undefined) left.push(part.entry.name);
    else specs.push(spec);
  }
  return { snapshot: specs.length === 0 ? undefined : await preserveServers(request, specs), left };
}

async function preserveServers(
  request: PreserveRequest,
  sources: readonly SourceSpec[],
): Promise<SnapshotId | undefined> {
  const { indexed, plan, source, run, work, stateFolder } = request;
  const { cli, configured, signal } = work;
  const { host } = indexed.repository;
  const context = sourceContext(cli, signal, (line) => cli.printer().error(`Warning: ${line}`), configured);
  const [{ saveSources }, { manifestFacts }, { keyFilePath, openSigningKey }] = await Promise.all([
    import('../source-run/save-sources.ts'),
    import('../run/manifest-facts.ts'),
    import('../manifest/signature.ts'),
  ]);
  const { hostname } = host.identity;
  try {
    const { result } = await saveSources({
      indexed,
      sources,
      context,
      key: openSigningKey(keyFilePath(stateFolder)),
      last: undefined,
      about: async () =>
        await manifestFacts({ application: undefined, context, host: hostname, clock: host.clock, programVersion }),
      options: {
        workingFolder: toByteString('/'),
        tags: tagsOf({ plan, source, kind: 'temp', run }),
        programVersion,
        signal,
      },
    });
    return result.snapshotId;
  } catch (error) {
    // There is nothing that could be lost.
    if (isCoffreError(error, 'SOURCE_MISSING')) return undefined;
    if (!isCoffreError(error) || signal.aborted) throw error;
    throw new CoffreError(
      error.code,
      `what is there now could not be saved, so nothing was replaced: ${error.message}`,
      {
        hint: '--no-preserve restores without saving it.',
        cause: error,
      },
    );
  }
}

async function preserveFiles(request: PreserveRequest, paths: readonly ByteString[]): Promise<SnapshotId> {
  const { indexed, plan, source, run } = request;
  const { signal } = request.work;
  const counters = zeroCounters();
  const { snapshotId } = await backup(indexed, {
    paths,
    workingFolder: toByteString('/'),
    tags: tagsOf({ plan, source, kind: 'temp', run }),
    excludes: [],
    withAtime: false,
    compression: 'auto',
    skipIfUnchanged: false,
    dryRun: false,
    parent: 'none',
    programVersion,
    counters,
    report: () => undefined,
    signal,
  });
  if (counters.errors > 0 || snapshotId === undefined) {
    throw new CoffreError('SOURCE_INCOMPLETE', 'what is there now could not be saved whole, so nothing was replaced', {
      hint: `Look at ${paths.map(toText).join(', ')}. --no-preserve restores without saving it${snapshotId === undefined ? '' : `; what could be read is in ${shortId(snapshotId)}`}.`,
    });
  }
  return snapshotId;
}

const companions = ['', '-wal', '-shm', '-journal'];

function livePaths(part: RestorePart): readonly ByteString[] {
  if (part.kind === 'files') return part.roots;
  const path = livePath(part.entry);
  return path === undefined ? [] : companions.map((end) => toByteString(path + end));
}

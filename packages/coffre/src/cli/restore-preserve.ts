/** What a restore in place is about to replace, saved first: a temporary backup that can be restored like any other. */
import { existsSync } from 'node:fs';
import { backup, bytesOf, CoffreError, shortId, toByteString, toText, zeroCounters } from '@coffre/repository';
import type { ByteString, IndexedRepository, SnapshotId } from '@coffre/repository';
import type { RestorePart } from '../named/restore-parts.ts';
import { livePath } from '../named/restore-parts.ts';
import { tagsOf } from '../named/tags.ts';
import { programVersion } from './version.ts';

export type PreserveRequest = {
  readonly indexed: IndexedRepository;
  readonly parts: readonly RestorePart[];
  readonly plan: string | undefined;
  readonly source: string | undefined;
  /** The same for everything that is saved before one restore: together they are one backup. */
  readonly run: string;
  readonly signal: AbortSignal;
};

export type Preserved = {
  /** Undefined when there was nothing to save. */
  readonly snapshot: SnapshotId | undefined;
  /** What could not be saved because it is no file; the person is told. */
  readonly left: readonly string[];
};

/**
 * Files as they lie there, also of a database: what is damaged could not be saved in any other way. No engine is asked.
 * @throws {CoffreError} what keeps them from being saved; nothing is replaced then
 */
export async function preserve({ indexed, parts, plan, source, run, signal }: PreserveRequest): Promise<Preserved> {
  const paths = [...new Set(parts.flatMap(livePaths))].filter((path) => existsSync(bytesOf(path)));
  const left = parts.flatMap((part) =>
    part.kind === 'source' && livePath(part.entry) === undefined ? [part.entry.name] : [],
  );
  if (paths.length === 0) return { snapshot: undefined, left };
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
  return { snapshot: snapshotId, left };
}

const companions = ['', '-wal', '-shm', '-journal'];

function livePaths(part: RestorePart): readonly ByteString[] {
  if (part.kind === 'files') return part.roots;
  const path = livePath(part.entry);
  return path === undefined ? [] : companions.map((end) => toByteString(path + end));
}

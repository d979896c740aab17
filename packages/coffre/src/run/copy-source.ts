/** The backups of one source into a further repository: what came since the last one that is there, with its tags. */
import { join } from 'node:path';
import {
  copySnapshots,
  CoffreError,
  messageOf,
  parseTimestamp,
  timestampNs,
  type CopyReport,
  type SnapshotId,
  type StoredSnapshot,
} from '@coffre/repository';
import { isComplete, snapshotsOf, type BackupOf } from './last-backup.ts';
import type { RunFigures } from './run-figures.ts';
import type { LineLevel, RunProgress } from './run-message.ts';
import type { WorkingRepository } from './working-repository.ts';

export type CopyParts = {
  readonly from: WorkingRepository;
  readonly to: WorkingRepository;
  readonly of: BackupOf;
  readonly say: (level: LineLevel, text: string) => void;
  readonly progress: (progress: Pick<RunProgress, 'bytesDone' | 'bytesTotal' | 'filesDone' | 'filesTotal'>) => void;
  readonly signal: AbortSignal;
};

export type CopyOutcome = { readonly copies: readonly SnapshotId[]; readonly figures: RunFigures };

/** @throws {CoffreError} COPY_INCOMPLETE; storage errors of either side */
export async function copySource({ from, to, of, say, progress, signal }: CopyParts): Promise<CopyOutcome> {
  const [here, there] = await Promise.all([from.repository.listSnapshots(), to.repository.listSnapshots()]);
  const snapshots = toCopy(snapshotsOf(here, of), snapshotsOf(there, of));
  const copies: SnapshotId[] = [];
  let reason: string | undefined;
  const report = (event: CopyReport): void => {
    if (event.kind === 'saved') copies.push(event.copy);
    else if (event.kind === 'present') copies.push(event.copy);
    else if (event.kind === 'progress') {
      progress({ bytesDone: event.sizeBytes, bytesTotal: undefined, filesDone: event.done, filesTotal: event.packs });
    } else if (event.kind === 'failed') {
      reason = messageOf(event.error);
      say('error', `snapshot ${event.snapshot.id.slice(0, 8)} was not copied: ${reason}`);
    }
  };
  const result = await copySnapshots(from.indexed, to.indexed, {
    snapshots,
    compression: to.config.compression,
    ...(to.cacheFolder === undefined ? {} : { journalPath: join(to.cacheFolder, `copy-${from.repository.config.id}`) }),
    signal: AbortSignal.any([signal, from.signal, to.signal]),
    report,
  });
  if (result.failed > 0) {
    throw new CoffreError(
      'COPY_INCOMPLETE',
      `${result.failed} of ${snapshots.length} snapshots were not copied: ${reason}`,
      {
        hint: `Run \`coffre check --read-data\` on ${from.name}.`,
      },
    );
  }
  const figures = {
    snapshotsCopied: result.copied,
    bytesRead: result.amount.sizeBytes,
    bytesStored: result.addedBytes,
  };
  return { copies, figures };
}

/**
 * Those newer than the newest one that is there, and of a first copy the newest only: what the retention of the other
 * side removed is not brought back, and what a day without network held up comes now.
 */
export function toCopy(here: readonly StoredSnapshot[], there: readonly StoredSnapshot[]): readonly StoredSnapshot[] {
  const [newestThere] = there;
  if (newestThere === undefined) {
    const first = here.find(isComplete) ?? here[0];
    return first === undefined ? [] : [first];
  }
  const sinceNs = timestampNs(parseTimestamp(newestThere.snapshot.time));
  return here.filter(({ snapshot }) => timestampNs(parseTimestamp(snapshot.time)) >= sinceNs);
}

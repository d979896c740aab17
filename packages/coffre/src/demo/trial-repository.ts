/** The trial's repository: opened once to save and check, and once more for the restore that is measured. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireLock,
  backup,
  check,
  CoffreError,
  initRepository,
  messageOf,
  openBackend,
  openRepository,
  parseLocation,
  restore,
  timestampOfNs,
  toByteString,
  toText,
  zeroCounters,
  zeroRestoreCounters,
  type BackupResult,
  type BlobId,
  type ByteString,
  type Host,
  type Repository,
  type SnapshotId,
  type Timestamp,
} from '@coffre/repository';
import { quoteName } from '../cli/output/display.ts';
import type { Narration } from './narration.ts';
import type { TrialFolder } from './trial-folder.ts';
import type { RestoredTrial } from './trial-outcome.ts';
import type { TrialSources } from './trial-sources.ts';
import { sizeText } from './size-text.ts';
import { sayBackup, sayCheck, sayRestore } from './trial-words.ts';

export type SavedTrial = {
  readonly snapshotId: SnapshotId;
  readonly tree: BlobId;
  readonly startedAt: Timestamp;
  /** What the backup could not read, and said so. */
  readonly unreadable: ReadonlySet<ByteString>;
};

type Access = { readonly host: Host; readonly password: string; readonly signal: AbortSignal };

export class TrialRepository {
  readonly #folder: TrialFolder;
  readonly #access: Access;
  readonly #repository: Repository;

  private constructor(folder: TrialFolder, access: Access, repository: Repository) {
    this.#folder = folder;
    this.#access = access;
    this.#repository = repository;
  }

  /** Makes the repository on the first run. */
  static async open(folder: TrialFolder, access: Access): Promise<TrialRepository> {
    const isNew = !existsSync(join(folder.repository, 'config'));
    const backend = await openBackend(parseLocation(folder.repository), { random: access.host.random });
    const make = isNew ? initRepository : openRepository;
    return new TrialRepository(folder, access, await make({ backend, host: access.host, password: access.password }));
  }

  async backUp(narration: Narration, sources: TrialSources): Promise<SavedTrial> {
    const { host, signal } = this.#access;
    const counters = zeroCounters();
    const unreadable = new Set<ByteString>();
    const startedAt = timestampOfNs(host.clock.nowNs());
    const { value } = await narration.step(
      'Backed up',
      async () => {
        await using lock = await acquireLock(this.#repository, { exclusive: false, signal });
        const result = await backup(await this.#repository.loadIndex(), {
          paths: sources.paths,
          workingFolder: toByteString(this.#folder.path),
          selection: { byName: (path) => !sources.skip(path), byStat: () => true },
          tags: ['trial'],
          counters,
          report: (event) => {
            if (event.kind === 'error') unreadable.add(event.path);
          },
          signal: AbortSignal.any([signal, lock.signal]),
        });
        return { value: result, ...sayBackup(result, unreadable) };
      },
      () => sizeText(counters.bytesDone),
    );
    return { snapshotId: publishedId(value), tree: value.snapshot.tree, startedAt, unreadable };
  }

  /** @throws {CoffreError} REPO_CHECK_FAILED */
  async verify(narration: Narration): Promise<void> {
    const { signal } = this.#access;
    let readBytes = 0;
    await narration.step(
      'Verified',
      async () => {
        await using lock = await acquireLock(this.#repository, { exclusive: true, signal });
        const both = AbortSignal.any([signal, lock.signal]);
        const result = await check(this.#repository, { readData: { kind: 'all' } }, (event) => {
          both.throwIfAborted();
          if (event.kind === 'finding' && event.finding.severity === 'error') narration.warn(event.finding.message);
          if (event.kind === 'progress') readBytes = event.doneBytes ?? readBytes;
        });
        if (result.errors > 0) {
          throw new CoffreError('REPO_CHECK_FAILED', 'the repository of the trial is damaged', {
            hint: `The lines above say where. Delete ${this.#folder.path} to begin anew.`,
          });
        }
        return { value: undefined, ...sayCheck(result) };
      },
      () => sizeText(readBytes),
    );
  }

  /** Opens the repository anew, as one would after a loss, and measures to the last file. */
  async bringBack(narration: Narration, saved: SavedTrial): Promise<RestoredTrial> {
    const { host, password, signal } = this.#access;
    const { restored } = this.#folder;
    rmSync(restored, { recursive: true, force: true });
    const counters = zeroRestoreCounters();
    const { durationMs } = await narration.step(
      'Restored',
      async () => {
        const backend = await openBackend(parseLocation(this.#folder.repository), { random: host.random });
        await using repository = await openRepository({ backend, host, password });
        await restore(await repository.loadIndex(), {
          tree: saved.tree,
          target: toByteString(restored),
          counters,
          report: (event) => {
            if (event.kind === 'error') narration.warn(`${quoteName(toText(event.path))}: ${messageOf(event.error)}`);
          },
          signal,
        });
        return { value: undefined, ...sayRestore(counters, this.#folder.near(restored)) };
      },
      () => sizeText(counters.bytesRestored),
    );
    return { sizeBytes: counters.bytesRestored, durationMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#repository[Symbol.asyncDispose]();
  }
}

function publishedId({ snapshotId }: BackupResult): SnapshotId {
  if (snapshotId === undefined) throw new CoffreError('INTERNAL', 'the trial backup published no snapshot');
  return snapshotId;
}

/** The tasks of care, each a thin layer over an operation of the library. */
import {
  acquireLock,
  check,
  CoffreError,
  graceMsDefault,
  isCoffreError,
  isId,
  prune,
  sha256Hex,
  shortId,
  type MaxUnused,
  type PackId,
  type Repository,
} from '@coffre/repository';
import { recordAct, type Witness } from '../access/audited.ts';
import { repositoryCache } from '../access/cache-folder.ts';
import { openConfigured } from '../access/configured-repository.ts';
import type { PruneConfig, RepositoryConfig } from '../config/config.ts';
import { goneWords } from '../store/forgotten.ts';
import { newestSnapshots } from '../store/newest-snapshots.ts';
import type { Verification } from '../store/verifications.ts';
import type { CareTask } from './care-due.ts';
import type { RunScribe } from './run-scribe.ts';
import type { RunSurroundings } from './run-surroundings.ts';

export type CareFinding = {
  /** Absent for what is no verification. */
  readonly kind?: Verification['kind'];
  readonly outcome: Verification['outcome'];
  /** A few of them. */
  readonly words: string;
  readonly subject?: string;
  /** Of all packs there, where they were listed. */
  readonly repositoryBytes?: number;
};

export type CareParts = {
  readonly around: RunSurroundings;
  readonly repository: RepositoryConfig;
  readonly signal: AbortSignal;
  readonly scribe: RunScribe;
  readonly witness: Witness;
};

const lockWaitMs = 30 * 60_000;
const maxUnusedDefault: MaxUnused = { kind: 'percent', percent: 5 };

export async function careWork(task: CareTask, parts: CareParts): Promise<readonly CareFinding[]> {
  const { around, repository: config, scribe } = parts;
  scribe.phase(task === 'prune' ? 'retention' : 'verify', { repository: config.name });
  await using repository = await openConfigured(config, around.repositories, { uncached: true });
  switch (task) {
    case 'look':
      return await look(repository, parts);
    case 'check':
    case 'read':
      return await checkIt(repository, parts, task === 'read');
    case 'prune':
      return [await pruneIt(repository, parts)];
    default:
      return task satisfies never;
  }
}

/** Who cannot list a repository does not notice that it is gone; a pack read back is proof that the disk gives what it took. */
async function look(repository: Repository, parts: CareParts): Promise<CareFinding[]> {
  const { signal } = parts;
  const { backend, host } = repository;
  const packs: { readonly name: string; readonly sizeBytes: number }[] = [];
  for await (const { name, sizeBytes } of backend.list('data')) {
    signal.throwIfAborted();
    if (isId(name)) packs.push({ name, sizeBytes });
  }
  // Asked first: what a run saves meanwhile is in the list and not in what is expected.
  const expected = await newestSnapshots(parts.around.store, parts.repository.name);
  const snapshots = await repository.listSnapshots();
  // Who pins or tags a snapshot replaces it by one that names it as its original.
  const there = new Set<string>(
    snapshots.flatMap(({ id, snapshot: { original } }) => [id, ...(original === undefined ? [] : [original])]),
  );
  const gone = expected.filter(({ snapshots: known, origins }) => ![...known, ...origins].some((id) => there.has(id)));
  const listed: CareFinding = {
    kind: 'list',
    outcome: gone.length === 0 ? 'good' : 'damaged',
    ...(gone[0] !== undefined && { subject: gone[0].snapshots[0] }),
    words: gone.length > 0 ? goneWords(gone) : `${snapshots.length} snapshots and ${packs.length} packs listed`,
    repositoryBytes: packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  const pack = packs[randomBelow(host.random.bytes(4), packs.length)];
  return pack === undefined ? [listed] : [listed, await readPack(repository, pack.name as PackId)];
}

function randomBelow(bytes: Uint8Array, count: number): number {
  return count === 0 ? 0 : Buffer.from(bytes).readUInt32BE(0) % count;
}

/** Its name is the SHA-256 of all its bytes. */
async function readPack({ backend }: Repository, id: PackId): Promise<CareFinding> {
  try {
    const bytes = await backend.load({ kind: 'data', name: id });
    const isSame = sha256Hex(bytes) === id;
    const words = isSame
      ? `pack ${shortId(id)} read back, ${bytes.byteLength} bytes as they were written`
      : `pack ${shortId(id)} holds other bytes than were written`;
    return { kind: 'pack', outcome: isSame ? 'good' : 'damaged', words, subject: id };
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    // A prune may have removed it since it was listed.
    if (error.code === 'BACKEND_NOT_FOUND')
      return { kind: 'pack', outcome: 'good', words: 'the pack chosen was just removed' };
    const isDamaged = error.code === 'BACKEND_SHORT_READ' || error.code === 'BACKEND_UNREADABLE';
    if (!isDamaged) throw error;
    return { kind: 'pack', outcome: 'damaged', words: `pack ${shortId(id)}: ${error.message}`, subject: id };
  }
}

async function checkIt(repository: Repository, parts: CareParts, readsData: boolean): Promise<CareFinding[]> {
  const { around, repository: config, signal, scribe } = parts;
  const { cache, environment } = around.repositories;
  const stateFolder = repositoryCache(cache, environment, repository.config.id);
  // Backups go on beside it; only what removes has to wait.
  await using lock = await acquireLock(repository, { exclusive: false, retryMs: lockWaitMs, signal, stateFolder });
  const { readData, fullWithinMs } = config.check;
  const reads =
    readsData && readData !== undefined ? { readData: { kind: 'percent', percent: readData.percent } as const } : {};
  const promise = readsData && fullWithinMs !== undefined && stateFolder !== undefined ? { fullWithinMs } : {};
  const result = await check(
    repository,
    { beside: true, ...reads, ...promise, ...(stateFolder === undefined ? {} : { stateFolder }) },
    (event) => {
      signal.throwIfAborted();
      lock.signal.throwIfAborted();
      if (event.kind !== 'finding') return;
      const { severity, message } = event.finding;
      scribe.say(severity === 'error' ? 'error' : 'info', `${config.name}: ${message}`);
    },
  );
  const outcome = result.errors === 0 ? 'good' : 'damaged';
  const words = result.errors === 0 ? 'no errors' : `${result.errors} errors`;
  const structure: CareFinding = { kind: 'check', outcome, words: `structure: ${words}` };
  return readsData ? [structure, { kind: 'check-read', outcome, words: `data read back: ${words}` }] : [structure];
}

async function pruneIt(repository: Repository, parts: CareParts): Promise<CareFinding> {
  const { repository: config, signal, witness, around } = parts;
  const { cache, environment } = around.repositories;
  const stateFolder = repositoryCache(cache, environment, repository.config.id);
  const wish = config.prune;
  if (wish === undefined) throw new CoffreError('INTERNAL', `${config.name} has no prune`);
  const { maxRepackBytes } = wish;
  const act = {
    action: 'prune',
    shown: { repository: config.name, graceMs: graceMsDefault },
    done: ({ deleted, marked, recovered }: Awaited<ReturnType<typeof prune>>) => ({ deleted, marked, recovered }),
    work: async () =>
      await prune(
        repository,
        {
          graceMs: graceMsDefault,
          maxUnused: maxUnusedOf(wish),
          ...(maxRepackBytes === undefined ? {} : { maxRepackBytes }),
          compression: config.compression,
          lock: async (kind) =>
            await acquireLock(repository, {
              exclusive: kind === 'exclusive',
              retryMs: lockWaitMs,
              signal,
              stateFolder,
            }),
          signal,
        },
        () => signal.throwIfAborted(),
      ),
  };
  const { deleted, marked } = await recordAct(witness, { repository: repository.config.id, name: config.name }, act);
  return { outcome: 'good', words: `${deleted.packs} packs deleted, ${marked.packs} marked` };
}

function maxUnusedOf({ maxUnused }: PruneConfig): MaxUnused {
  if (maxUnused === undefined) return maxUnusedDefault;
  return maxUnused.kind === 'size' ? { kind: 'bytes', bytes: maxUnused.sizeBytes } : maxUnused;
}

/** Finding the snapshots that a restore means, and proving them before anything is written. */
import { CoffreError, isCoffreError, messageOf, shortId } from '@coffre/repository';
import type { IndexedRepository, StoredSnapshot } from '@coffre/repository';
import { loadManifest, verifyContent } from '../manifest/verify.ts';
import type { SignedManifest } from '../manifest/verify.ts';
import { chooseBackup } from '../named/choose-backup.ts';
import type { BackupWish, Candidates } from '../named/choose-backup.ts';
import { formatBytes } from './output/format.ts';
import type { Meant, MeantRepository } from './meant-repositories.ts';
import type { LockWish, Session } from './session.ts';
import type { StepClock } from './step-clock.ts';

export type Found = {
  readonly repository: MeantRepository;
  readonly session: Session;
  readonly candidates: readonly Candidates[];
};

export type FindOptions = {
  readonly wish: BackupWish;
  readonly lock: LockWish;
  /** A repository that cannot be reached is passed over; else it is the end, and the person decides. */
  readonly isEmergency: boolean;
  readonly clock: StepClock;
};

/** In the first repository that has it. The session is the caller's to close. */
export async function findWanted(meant: Meant, options: FindOptions): Promise<Found> {
  const { wish, lock, isEmergency, clock } = options;
  let first: unknown;
  const without: string[] = [];
  for (const repository of meant.repositories) {
    let session: Session | undefined;
    try {
      session = await repository.open(lock, { uncached: !isEmergency });
      const nowNs = session.repository.host.clock.nowNs();
      const candidates = chooseBackup(await session.repository.listSnapshots(), wish, { zone: meant.zone, nowNs });
      if (without.length > 0) clock.say(`not in ${without.join(', ')}; found in ${repository.name}`);
      return { repository, session, candidates };
    } catch (error) {
      await session?.[Symbol.asyncDispose]();
      const isAbsent = isCoffreError(error, 'SNAPSHOT_NOT_FOUND');
      const isPassable =
        isAbsent || (isEmergency && isCoffreError(error) && error.code !== 'INTERRUPTED' && error.code !== 'USAGE');
      if (!isPassable) throw withOthers(error, repository, meant);
      if (isAbsent) without.push(repository.name);
      else clock.say(`${repository.name} is passed over: ${messageOf(error).split('\n', 1).join('')}`);
      first ??= error;
    }
  }
  throw first;
}

/** Says where else it may be. */
function withOthers(error: unknown, repository: MeantRepository, { repositories }: Meant): unknown {
  const others = repositories.filter((one) => one !== repository).map(({ name }) => name);
  if (!isCoffreError(error) || error.code === 'USAGE' || error.code === 'INTERRUPTED' || others.length === 0)
    return error;
  return new CoffreError(error.code, `${repository.name}: ${error.message}`, {
    hint: `${error.hint === undefined ? '' : `${error.hint} `}Another repository may have it: --from ${others.join(' or --from ')}.`,
    cause: error,
  });
}

/** What is brought back: the snapshot, and what it says of itself. */
export type Proved = {
  readonly source: string | undefined;
  readonly stored: StoredSnapshot;
  readonly signed: SignedManifest | undefined;
};

export type ProveOptions = {
  readonly isEmergency: boolean;
  readonly verifiedOnly: boolean;
  /** Snapshots that were proved before. */
  readonly verified: ReadonlySet<string>;
  readonly clock: StepClock;
  readonly damaged: (stored: StoredSnapshot, why: string) => Promise<void>;
  readonly signal: AbortSignal;
};

/** @throws {CoffreError} VERIFY_FAILED and what else keeps the one that was meant from being proved */
export async function prove(
  indexed: IndexedRepository,
  { source, snapshots }: Candidates,
  options: ProveOptions,
): Promise<Proved> {
  const { isEmergency, verifiedOnly, verified, clock } = options;
  const what = source ?? 'the snapshot';
  for (const stored of snapshots) {
    const signed = await manifestOf(indexed, stored, verifiedOnly, options);
    if (signed === 'unfit') continue;
    const isKnown = verified.has(stored.id) || verified.has(stored.snapshot.original ?? '');
    if (isEmergency && (!verifiedOnly || isKnown)) {
      clock.say(`${what}: ${shortId(stored.id)} is taken as it is; every blob is still checked against its hash`);
      return { source, stored, signed };
    }
    if (signed === undefined) {
      clock.say(`${what}: ${shortId(stored.id)} has no manifest; every blob is checked against its hash`);
      return { source, stored, signed };
    }
    const { findings, files, bytes } = await verifyContent(indexed, stored.snapshot.tree, signed, options.signal);
    if (findings.length === 0) {
      clock.say(`${what}: verified ${shortId(stored.id)}, ${files} files, ${formatBytes(bytes)}, every hash as signed`);
      return { source, stored, signed };
    }
    const [worst] = findings;
    const why = `${worst!.path} is ${worst!.kind}: ${worst!.why}`;
    await options.damaged(stored, why);
    clock.say(`${what}: ${shortId(stored.id)} is damaged: ${why}`);
    if (verifiedOnly) continue;
    throw new CoffreError('VERIFY_FAILED', `${what}: what is saved in ${shortId(stored.id)} is not what was signed`, {
      hint: 'Nothing was restored. --verified-only takes the newest backup that is sound.',
    });
  }
  throw new CoffreError('VERIFY_FAILED', `no backup of ${what} could be verified`, {
    hint: 'Nothing was restored. Try another repository with --from, and run `coffre check --read-data`.',
  });
}

async function manifestOf(
  indexed: IndexedRepository,
  { id, snapshot }: StoredSnapshot,
  verifiedOnly: boolean,
  { clock, signal }: ProveOptions,
): Promise<SignedManifest | 'unfit' | undefined> {
  try {
    return await loadManifest(indexed, snapshot.tree, signal);
  } catch (error) {
    if (signal.aborted || !isCoffreError(error)) throw error;
    if (!verifiedOnly) {
      if (error.code === 'MANIFEST_MISSING') return undefined;
      throw error;
    }
    clock.say(`${shortId(id)} cannot be verified: ${messageOf(error)}`);
    return 'unfit';
  }
}

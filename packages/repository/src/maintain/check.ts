/** Does the repository hold together, and, when asked, is every byte still what was stored? */
import { isCoffreError, messageOf, isDamage } from '../errors.ts';
import { isId, parseId, type KeyId, type PackId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { loadKeyFile } from '../key.ts';
import { inParallel } from '../parallel.ts';
import type { Repository, StoredSnapshot } from '../repository.ts';
import { createTally, finding, type CheckFinding, type CheckResult, type Tally } from './check-findings.ts';
import { besideEachOther, DataCheck, sizedPacks } from './check-data.ts';
import { readIndexes, readIndexesBeside, type CheckedIndex } from './check-index.ts';
import { checkTrees } from './check-trees.ts';
import type { ReadDataSubset } from './read-data-subset.ts';
import { openReadingRecord, type ChosenReading } from './reading-record.ts';
import type { Coverage } from './reading-plan.ts';

export type CheckOptions = {
  /** Read packs back too. */
  readonly readData?: ReadDataSubset;
  /** Read at least so much that every pack is read again within this time; needs `stateFolder`. */
  readonly fullWithinMs?: number;
  /** Local state of this repository: which pack was read when is noted here. */
  readonly stateFolder?: string;
  /** Only what these need, when given. */
  readonly snapshots?: readonly StoredSnapshot[];
  /** Others may save meanwhile: the caller's lock only keeps away who removes. */
  readonly beside?: boolean;
  /** For reading packs. */
  readonly threads?: number;
  /** The lock is still being waited for: what needs none begins beside the wait. */
  readonly locked?: Promise<void>;
};

export type CheckPhase = 'index' | 'packs' | 'snapshots' | 'read-data';

export type CheckEvent =
  /** `total` of snapshots or packs to read, where the phase counts. */
  | {
      readonly kind: 'phase';
      readonly phase: CheckPhase;
      readonly total?: number;
      readonly totalBytes?: number;
      /** Packs there are, of which `total` are read. */
      readonly packs?: number;
    }
  /** What is about to be read, where a promise has a part in the choice. */
  | { readonly kind: 'reading'; readonly reading: ChosenReading }
  | { readonly kind: 'progress'; readonly phase: CheckPhase; readonly done: number; readonly doneBytes?: number }
  | { readonly kind: 'finding'; readonly finding: CheckFinding }
  /** How the promise stands after the reading. */
  | { readonly kind: 'coverage'; readonly coverage: Coverage; readonly fullWithinMs: number };

/**
 * Every finding is reported and the check goes on: one bad file must not hide the state of the rest. The caller holds an
 * exclusive lock, so that nothing is missing only because it is being written; or a shared one and says `beside`. Who saves
 * writes packs, then indexes, then the snapshot, so it is read in the other order: whatever the snapshots of the beginning
 * need is there.
 */
export async function check(
  repository: Repository,
  options: CheckOptions,
  report: (event: CheckEvent) => void,
): Promise<CheckResult> {
  repository.backend.bypassCaches?.();
  const tally = createTally();
  const run = new CheckRun(repository, tally, report);
  const { beside = false, locked = Promise.resolve() } = options;
  let snapshots = options.snapshots;
  const begun = locked.then(async () => {
    await run.checkKeysAndLocks();
    if (beside) snapshots ??= await run.loadSnapshots();
    report({ kind: 'phase', phase: 'index' });
  });
  const index = await (options.locked === undefined
    ? begun.then(async () => await readIndexes(repository))
    : readIndexesBeside(repository, begun));
  run.checkIndexes(index);
  const stored = await run.checkPacks(index, { beside });
  // Packs needed are asked for only where they narrow down what to read.
  const needed = options.snapshots === undefined ? undefined : new Set<PackId>();
  const checkSnapshots = async (): Promise<void> =>
    await run.checkSnapshots(index.indexed, snapshots ?? (await run.loadSnapshots()), needed);
  if (options.readData === undefined && options.fullWithinMs === undefined) {
    await checkSnapshots();
    return tally.result();
  }
  const all = sizedPacks(index.indexed, stored);
  const ledger = openReadingRecord(repository, options.stateFolder, all);
  const data = new DataCheck({ indexed: index.indexed, ledger, options, tally, report });
  // Where chosen snapshots narrow down what is read, they must be known first.
  if (needed !== undefined) await checkSnapshots();
  const packs = needed === undefined ? all : all.filter(({ id }) => needed.has(id));
  const first = needed === undefined ? checkSnapshots : async () => undefined;
  await besideEachOther(first, async (turn) => await data.read(packs, turn));
  return tally.result();
}

class CheckRun {
  readonly #repository: Repository;
  readonly #tally: Tally;
  readonly #report: (event: CheckEvent) => void;

  constructor(repository: Repository, tally: Tally, report: (event: CheckEvent) => void) {
    this.#repository = repository;
    this.#tally = tally;
    this.#report = report;
  }

  #found(...args: Parameters<typeof finding>): void {
    this.#add(finding(...args));
  }

  #add(found: CheckFinding): void {
    this.#tally.add(found);
    this.#report({ kind: 'finding', finding: found });
  }

  /** A changed letter in a key file is otherwise noticed by nobody until the day it is needed. */
  async checkKeysAndLocks(): Promise<void> {
    const { backend } = this.#repository;
    for await (const { name } of backend.list('keys')) {
      if (!isId(name)) continue;
      await this.#survive('key-unreadable', `key ${name}`, () => loadKeyFile(backend, parseId<KeyId>(name)));
    }
    for (const { id, sizeBytes } of await this.#repository.listIds('locks')) {
      // An empty lock file is a lock that is just being made.
      if (sizeBytes === 0) continue;
      await this.#survive('lock-unreadable', `lock ${id}`, () => this.#repository.loadUnpacked('locks', id));
    }
  }

  async #survive(
    kind: 'key-unreadable' | 'lock-unreadable',
    what: string,
    read: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return;
      if (!isDamage(error) && !isCoffreError(error, 'REPO_KEY_DAMAGED')) throw error;
      this.#found(kind, `error loading ${what}: ${messageOf(error)}`);
    }
  }

  checkIndexes(index: CheckedIndex): void {
    for (const { id, error } of index.unreadable) {
      this.#found('index-unreadable', `error loading index ${id}: ${messageOf(error)}`);
    }
    for (const [packId, { indexes, differs, hasTree, hasData }] of index.packs) {
      const named = `{${indexes.join(' ')}}`;
      if (differs) this.#found('pack-differs', `pack ${packId} has different data in indexes: ${named}`, { packId });
      else if (indexes.length > 1) {
        this.#found('pack-repeated', `pack ${packId} contained in several indexes: ${named}`, { packId });
      }
      if (hasTree && hasData) {
        this.#found('pack-mixed', `pack ${packId.slice(0, 8)} contains a mix of tree and data blobs`, { packId });
      }
    }
  }

  /** The packs that are in the storage. */
  async checkPacks({ indexed, marked }: CheckedIndex, { beside }: { readonly beside: boolean }): Promise<Set<PackId>> {
    this.#report({ kind: 'phase', phase: 'packs' });
    const sizes = new Map<PackId, number>();
    for await (const { name, sizeBytes } of this.#repository.backend.list('data')) {
      if (isId(name)) sizes.set(parseId<PackId>(name), sizeBytes);
    }
    for (const [packId, wanted] of indexed.packSizes()) {
      const sizeBytes = sizes.get(packId);
      if (sizeBytes === undefined) this.#found('pack-missing', `pack ${packId}: does not exist`, { packId });
      else if (sizeBytes !== wanted) {
        const message = `pack ${packId}: unexpected file size: got ${sizeBytes}, expected ${wanted}`;
        this.#found('pack-size', message, { packId });
      }
    }
    // Those that are just being written are in no index yet.
    if (beside) return new Set(sizes.keys());
    const waiting = new Set(Array.from(marked.values(), (packs) => packs.map(({ id }) => id)).flat());
    for (const packId of sizes.keys()) {
      if (indexed.table.knownPackNumber(packId) !== undefined || waiting.has(packId)) continue;
      this.#found('pack-unindexed', `pack ${packId}: not referenced in any index`, { packId });
    }
    return new Set(sizes.keys());
  }

  async checkSnapshots(
    indexed: IndexedRepository,
    snapshots: readonly StoredSnapshot[],
    packs: Set<PackId> | undefined,
  ): Promise<void> {
    this.#report({ kind: 'phase', phase: 'snapshots', total: snapshots.length });
    let done = 0;
    await checkTrees(
      indexed,
      snapshots.map(({ snapshot }) => snapshot.tree),
      {
        report: (found) => this.#add(found),
        ...(packs !== undefined && { packs }),
        rootDone: () => {
          done += 1;
          this.#report({ kind: 'progress', phase: 'snapshots', done });
        },
      },
    );
  }

  async loadSnapshots(): Promise<StoredSnapshot[]> {
    const found: StoredSnapshot[] = [];
    const files = await this.#repository.listIds('snapshots');
    await inParallel(files, this.#repository.backend.connectionsMax, async ({ id }) => {
      try {
        found.push({ id, snapshot: await this.#repository.loadSnapshot(id) });
      } catch (error) {
        if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return;
        if (!isDamage(error)) throw error;
        this.#found('snapshot-unreadable', `failed to load snapshot ${id.slice(0, 8)}: ${messageOf(error)}`);
      }
    });
    return found;
  }
}

/**
 * Out of damaged packs into new ones: whatever can be read, and from another repository what cannot. The order keeps
 * everything readable at every moment: copies outside, new packs and their index, the index without the damaged packs,
 * and last the damaged packs themselves.
 */
import { CoffreError } from '../../errors.ts';
import { shortId, type BlobId, type PackId } from '../../ids.ts';
import { BlobTable, type BlobType } from '../../index/blob-table.ts';
import { BlobWriter } from '../../index/blob-writer.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';
import { readIndexes, type CheckedIndex } from '../check-index.ts';
import {
  describeDamagedPack,
  fetchFrom,
  hasOtherCopy,
  openPiece,
  readWhatIsThere,
  type DamagedPack,
  type PackPiece,
} from './damaged-pack.ts';
import { IndexPages, removeIfThere, replaceIndexes } from './index-pages.ts';
import { listStoredPacks } from './stored-packs.ts';

export type PackRepairOptions = {
  readonly packs: readonly PackId[];
  /** Asked for what cannot be read here. */
  readonly source?: IndexedRepository;
  /** Keeps the bytes of a damaged pack outside of the repository, before anything else. */
  readonly keepCopy: (id: PackId, bytes: Buffer) => Promise<void>;
  readonly dryRun?: boolean;
};

export type LostBlob = {
  readonly type: BlobType;
  readonly id: BlobId;
  readonly packId: PackId;
  readonly sizeBytes: number;
};

export type PackRepairEvent =
  | { readonly kind: 'pack-unknown'; readonly id: PackId }
  /** What is in it; said of every pack before anything is changed. */
  | { readonly kind: 'pack'; readonly id: PackId; readonly isThere: boolean; readonly outlook: Outlook }
  | { readonly kind: 'salvaging' }
  | {
      readonly kind: 'blob-unreadable';
      readonly packId: PackId;
      readonly type: BlobType;
      readonly id: BlobId;
      readonly error: Error;
    }
  | { readonly kind: 'salvaged'; readonly done: number; readonly total: number }
  | { readonly kind: 'rebuilding'; readonly indexes: number }
  | { readonly kind: 'replacing'; readonly done: number; readonly total: number }
  | { readonly kind: 'removed'; readonly done: number; readonly total: number }
  /** The storage did not give all of it, and may another day: it stays there, out of the index. */
  | { readonly kind: 'left'; readonly id: PackId };

/** Of the blobs in a pack: `salvaged` can be read, `elsewhere` has another good copy, `healed` comes from the source. */
export type Outlook = {
  salvaged: number;
  elsewhere: number;
  healed: number;
  lost: number;
  lostBytes: number;
};

export type PackRepairResult = {
  readonly packs: number;
  readonly totals: Outlook;
  readonly lost: readonly LostBlob[];
};

/** The caller holds an exclusive lock. @throws {CoffreError} REPAIR_REFUSED, REPO_FILE_MISSING */
export async function repairPacks(
  repository: Repository,
  options: PackRepairOptions,
  report: (event: PackRepairEvent) => void,
): Promise<PackRepairResult> {
  const checked = await readIndexes(repository);
  refuseUnreadableIndex(checked);
  const packs = await describePacks(checked, options.packs, report);
  const damaged = new Set(packs.map(({ id }) => id));
  const run = new Salvage(checked, damaged, options);
  for (const pack of packs) {
    const { outlook, bytes } = await run.examine(pack);
    report({ kind: 'pack', id: pack.id, isThere: pack.sizeBytes !== undefined, outlook });
    if (bytes !== undefined && options.dryRun !== true) await options.keepCopy(pack.id, bytes);
  }
  if (options.dryRun === true) return { packs: packs.length, ...run.balance() };
  return { packs: packs.length, ...(await carryOut(run, packs, report)) };
}

async function carryOut(
  run: Salvage,
  packs: readonly DamagedPack[],
  report: (event: PackRepairEvent) => void,
): Promise<{ totals: Outlook; lost: readonly LostBlob[] }> {
  const { checked, damaged } = run;
  const { repository } = checked.indexed;
  report({ kind: 'salvaging' });
  // A table of its own: what the index knows in damaged packs is stored again all the same.
  const writer = new BlobWriter(repository, new BlobTable(), {});
  await run.salvage(packs, writer, report);
  await writer.flush();
  const old = new Set(packs.flatMap(({ id }) => checked.packs.get(id)?.indexes ?? []));
  await replaceIndexes(
    new IndexPages(repository),
    checked,
    { old, without: damaged },
    {
      written: (indexes) => report({ kind: 'rebuilding', indexes }),
      removed: (done, total) => report({ kind: 'replacing', done, total }),
    },
  );
  let done = 0;
  for (const id of run.unread) report({ kind: 'left', id });
  const stored = packs.filter(({ id, sizeBytes }) => sizeBytes !== undefined && !run.unread.has(id));
  await inParallel(stored, repository.backend.connectionsMax, async ({ id }) => {
    await removeIfThere(repository, 'data', id);
    done += 1;
    report({ kind: 'removed', done, total: stored.length });
  });
  return run.balance();
}

/** Without its entries a pack looks emptier than it is. */
export function refuseUnreadableIndex({ unreadable: [first] }: CheckedIndex): void {
  if (first === undefined) return;
  throw new CoffreError(
    'REPAIR_REFUSED',
    `the index file ${shortId(first.id)} cannot be read, so what is lost is not known`,
    {
      hint: 'Run `coffre repair index` first.',
      cause: first.error,
    },
  );
}

async function describePacks(
  checked: CheckedIndex,
  ids: readonly PackId[],
  report: (event: PackRepairEvent) => void,
): Promise<DamagedPack[]> {
  const { repository } = checked.indexed;
  const wanted = new Set(ids);
  const named = new Map<PackId, PackPiece[]>();
  for (const { id, blobs } of checked.indexed.packs()) if (wanted.has(id)) named.set(id, blobs);
  const sizes = await listStoredPacks(repository);
  const packs: DamagedPack[] = [];
  for (const id of wanted) {
    if (sizes.has(id) || named.has(id)) {
      packs.push(await describeDamagedPack(repository, id, sizes.get(id), named.get(id) ?? []));
    } else report({ kind: 'pack-unknown', id });
  }
  if (packs.length > 0) return packs;
  throw new CoffreError('REPO_FILE_MISSING', 'none of these packs is in the storage or in the index', {
    hint: '`coffre check --read-data` names the damaged packs.',
  });
}

class Salvage {
  readonly checked: CheckedIndex;
  readonly damaged: ReadonlySet<PackId>;
  readonly #source: IndexedRepository | undefined;
  #totals: Outlook = noOutlook();
  #missed = new Map<string, LostBlob>();
  readonly #saved = new Set<string>();
  /** The storage did not give all of them. */
  readonly unread = new Set<PackId>();

  constructor(checked: CheckedIndex, damaged: ReadonlySet<PackId>, { source }: PackRepairOptions) {
    this.checked = checked;
    this.damaged = damaged;
    this.#source = source;
  }

  async examine(pack: DamagedPack): Promise<{ outlook: Outlook; bytes: Buffer | undefined }> {
    const bytes = await this.#bytesOf(pack);
    const outlook = await this.#sortOut(pack, bytes, { fetch: (type, id) => this.#isElsewhere(type, id) });
    return { outlook, bytes };
  }

  /** The source is asked only whether it knows the blob. */
  async #isElsewhere(type: BlobType, id: BlobId): Promise<boolean> {
    return this.#source?.has(type, id) === true;
  }

  /** Reads again: what counts is what is stored, not what was seen a moment ago. */
  async salvage(
    packs: readonly DamagedPack[],
    writer: BlobWriter,
    report: (event: PackRepairEvent) => void,
  ): Promise<void> {
    this.#totals = noOutlook();
    this.#missed.clear();
    this.#saved.clear();
    for (const [index, pack] of packs.entries()) {
      await this.#sortOut(pack, await this.#bytesOf(pack), {
        save: async (type, plain) => void (await writer.saveBlob(type, plain)),
        fetch: async (type, id) => {
          const plain = await fetchFrom(this.#source, type, id);
          if (plain !== undefined) await writer.saveBlob(type, plain);
          return plain !== undefined;
        },
        unreadable: ({ type, id }, error) => report({ kind: 'blob-unreadable', packId: pack.id, type, id, error }),
      });
      report({ kind: 'salvaged', done: index + 1, total: packs.length });
    }
  }

  /** A blob that one of the packs lost and another gave is not lost. */
  balance(): { readonly totals: Outlook; readonly lost: readonly LostBlob[] } {
    const lost = [...this.#missed].filter(([key]) => !this.#saved.has(key)).map(([, blob]) => blob);
    const lostBytes = lost.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { totals: { ...this.#totals, lost: lost.length, lostBytes }, lost };
  }

  async #bytesOf(pack: DamagedPack): Promise<Buffer | undefined> {
    if (pack.sizeBytes === undefined) return undefined;
    const { bytes, isWhole } = await readWhatIsThere(this.checked.indexed.repository, pack);
    if (!isWhole) this.unread.add(pack.id);
    return bytes;
  }

  async #sortOut(
    pack: DamagedPack,
    bytes: Buffer | undefined,
    doors: {
      readonly save?: (type: BlobType, plain: Buffer) => Promise<void>;
      readonly fetch: (type: BlobType, id: BlobId) => Promise<boolean>;
      readonly unreadable?: (piece: PackPiece, error: Error) => void;
    },
  ): Promise<Outlook> {
    const { indexed } = this.checked;
    const outlook = noOutlook();
    for (const piece of pack.pieces) {
      const { type, id } = piece;
      if (await hasOtherCopy(indexed, piece, (packId) => !this.damaged.has(packId))) {
        outlook.elsewhere += 1;
        continue;
      }
      const plain = openPiece(indexed.repository, bytes ?? Buffer.alloc(0), piece);
      if (Buffer.isBuffer(plain)) {
        await doors.save?.(type, plain);
        outlook.salvaged += 1;
        this.#saved.add(`${type} ${id}`);
        continue;
      }
      doors.unreadable?.(piece, plain);
      if (await doors.fetch(type, id)) {
        outlook.healed += 1;
        this.#saved.add(`${type} ${id}`);
        continue;
      }
      const sizeBytes = plainBytesOf(piece);
      outlook.lost += 1;
      outlook.lostBytes += sizeBytes;
      this.#missed.set(`${type} ${id}`, { type, id, packId: pack.id, sizeBytes });
    }
    for (const name of ['salvaged', 'elsewhere', 'healed'] as const) this.#totals[name] += outlook[name];
    return outlook;
  }
}

function noOutlook(): Outlook {
  return { salvaged: 0, elsewhere: 0, healed: 0, lost: 0, lostBytes: 0 };
}

function plainBytesOf({ length, uncompressedLength }: PackPiece): number {
  return uncompressedLength ?? Math.max(0, length - 32);
}

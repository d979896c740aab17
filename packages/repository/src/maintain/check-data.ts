/** The part of a check that reads packs back, and how it goes on beside the rest. */
import type { PackId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { CheckEvent, CheckOptions } from './check.ts';
import { finding, type Tally } from './check-findings.ts';
import { readPacks, type PackToRead, type PackVerdict } from './check-read.ts';
import { measureCoverage, type SizedPack } from './reading-plan.ts';
import { chooseReading } from './reading-record.ts';
import type { VerificationLedger } from './verification-ledger.ts';

/** What is to be told when it is this one's turn; and whether it goes on at all. */
export type Turn = { readonly say: (what: () => void) => void; readonly signal: AbortSignal };

/**
 * Both at once, told one after the other: what the second has to say waits until the first is through. When the first
 * fails the second is stopped.
 */
export async function besideEachOther(
  first: () => Promise<void>,
  second: (turn: Turn) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  let waiting: (() => void)[] | undefined = [];
  const say = (what: () => void): void => {
    if (waiting === undefined) what();
    else waiting.push(what);
  };
  const firstThrough = async (): Promise<void> => {
    try {
      await first();
      const held = waiting ?? [];
      waiting = undefined;
      for (const what of held) what();
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const ends = await Promise.allSettled([firstThrough(), second({ say, signal: stop.signal })]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

export function sizedPacks(indexed: IndexedRepository, stored: ReadonlySet<PackId>): SizedPack[] {
  return Array.from(indexed.packSizes(), ([id, sizeBytes]) => ({ id, sizeBytes })).filter(({ id }) => stored.has(id));
}

type DataCheckParts = {
  readonly indexed: IndexedRepository;
  readonly ledger: VerificationLedger | undefined;
  readonly options: CheckOptions;
  readonly tally: Tally;
  readonly report: (event: CheckEvent) => void;
};

export class DataCheck {
  readonly #parts: DataCheckParts;
  #done = 0;
  #doneBytes = 0;

  constructor(parts: DataCheckParts) {
    this.#parts = parts;
  }

  /** Those of `packs` that the options ask for. */
  async read(packs: readonly SizedPack[], { say, signal }: Turn): Promise<void> {
    const { indexed, ledger, options, report } = this.#parts;
    const { readData, fullWithinMs, threads } = options;
    const { random } = indexed.repository.host;
    const reading = chooseReading(packs, { readData, fullWithinMs, ledger, random, nowMs: this.#nowMs() });
    const { chosen, bytes: totalBytes } = reading;
    say(() => {
      if (fullWithinMs !== undefined) report({ kind: 'reading', reading });
      report({ kind: 'phase', phase: 'read-data', total: chosen.length, totalBytes, packs: packs.length });
    });
    const how = { totalBytes, ...(threads !== undefined && { threads }) };
    try {
      await readPacks(indexed.repository, withBlobs(indexed, chosen, signal), how, (verdict) => {
        this.#note(verdict);
        say(() => this.#tell(verdict));
      });
      signal.throwIfAborted();
      ledger?.noteChecked(this.#nowMs());
    } finally {
      ledger?.flush();
    }
    if (fullWithinMs === undefined || ledger === undefined) return;
    const coverage = measureCoverage(packs, ledger, { nowMs: this.#nowMs(), withinMs: fullWithinMs });
    say(() => report({ kind: 'coverage', coverage, fullWithinMs }));
  }

  #nowMs(): number {
    return Number(this.#parts.indexed.repository.host.clock.nowNs() / 1_000_000n);
  }

  #note({ id, problems, isDamaged }: PackVerdict): void {
    const { ledger } = this.#parts;
    if (problems.length === 0) ledger?.noteRight(id, this.#nowMs());
    else if (isDamaged) ledger?.noteWrong(id, this.#nowMs());
  }

  #tell({ id: packId, sizeBytes, problems, isDamaged }: PackVerdict): void {
    const { tally, report } = this.#parts;
    if (problems.length > 0) {
      const message = `pack ${packId} contains ${problems.length} errors: [${problems.join(' ')}]`;
      const found = finding(isDamaged ? 'pack-damaged' : 'pack-doubtful', message, { packId });
      tally.add(found);
      report({ kind: 'finding', finding: found });
    }
    this.#done += 1;
    this.#doneBytes += sizeBytes;
    tally.read(sizeBytes);
    report({ kind: 'progress', phase: 'read-data', done: this.#done, doneBytes: this.#doneBytes });
  }
}

/** One pack after the other: the blobs of all packs at once would be large. */
function* withBlobs(
  indexed: IndexedRepository,
  packs: readonly SizedPack[],
  signal: AbortSignal,
): Generator<PackToRead> {
  const sizes = new Map(packs.map(({ id, sizeBytes }) => [id, sizeBytes]));
  for (const { id, blobs } of indexed.packs()) {
    if (signal.aborted) return;
    const sizeBytes = sizes.get(id);
    if (sizeBytes !== undefined) yield { id, sizeBytes, blobs };
  }
}

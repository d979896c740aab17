/** Walks the whole log and says where it first is not what was written. */
import type { AuditCheckpointRow, AuditHead, AuditRow } from '../store/audit-rows.ts';
import { noHash } from './audit-log.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Plain } from './canonical-json.ts';
import { judgeSignature, parseCheckpoint } from './checkpoint.ts';
import type { SignedCheckpoint, VerifierKey } from './checkpoint.ts';
import { grow, leafHash, rootOf } from './merkle-tree.ts';

export type LogEvidence = {
  /** In order of their positions. */
  readonly entries: AsyncIterable<AuditRow>;
  readonly head: AuditHead | undefined;
  /** Those beside the entries. */
  readonly checkpoints: readonly AuditCheckpointRow[];
  /** Kept elsewhere: a file beside the database, a copy on another machine. */
  readonly witnessed: readonly { readonly name: string; readonly note: string }[];
  readonly keys: readonly VerifierKey[];
  /** What the history of runs knows to have been removed, each of which left entries: those that ended before an instant. */
  readonly removalsBefore?: (atMs: number) => Promise<{ readonly count: number; readonly firstMs: number } | undefined>;
};

export type LogVerdict = {
  readonly entries: number;
  /** How many entries a signature that could be checked vouches for. */
  readonly signed: number;
  readonly root: string;
  /** The first entry that is not what was written, and why that is known. */
  readonly bad: { readonly position: number; readonly reason: string } | undefined;
};

type Known = SignedCheckpoint & { readonly name: string; readonly isSigned: boolean };

export async function verifyLog(evidence: LogEvidence): Promise<LogVerdict> {
  const walk = new Walk();
  const { known, unreadable } = readCheckpoints(evidence);
  for await (const row of evidence.entries) {
    walk.take(row);
    for (const checkpoint of known.get(walk.size) ?? []) walk.compare(checkpoint);
    if (walk.reason !== undefined) break;
  }
  if (walk.reason === undefined) judgeEnd(walk, evidence, known);
  if (walk.reason === undefined) await judgeBeginning(walk, evidence);
  if (walk.reason === undefined && unreadable !== undefined) walk.fail(walk.signed, unreadable);
  const { size, signed, root, reason, badPosition } = walk;
  return { entries: size, signed, root, bad: reason === undefined ? undefined : { position: badPosition, reason } };
}

class Walk {
  size = 0;
  signed = 0;
  /** Up to here some checkpoint, signed or not, has the same root. */
  agreed = 0;
  previous = noHash;
  peaks: string[] = [];
  /** Of all entries; clocks may have been set back. */
  firstMs = Number.POSITIVE_INFINITY;
  reason: string | undefined;
  badPosition = 0;

  get root(): string {
    return rootOf(this.peaks);
  }

  fail(position: number, reason: string): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.badPosition = position;
  }

  take(row: AuditRow): void {
    const reason = faultOf(row, this.size, this.previous);
    if (reason !== undefined) return this.fail(this.size, reason);
    this.peaks = grow(this.peaks, this.size, row.hash);
    this.previous = row.hash;
    this.firstMs = Math.min(this.firstMs, row.atMs);
    this.size += 1;
    return undefined;
  }

  compare(checkpoint: Known): void {
    if (checkpoint.root !== this.root) {
      return this.fail(this.agreed, `${checkpoint.name} over ${counted(checkpoint.size)} has another root`);
    }
    this.agreed = checkpoint.size;
    if (checkpoint.isSigned) this.signed = checkpoint.size;
    return undefined;
  }
}

function readCheckpoints({ checkpoints, witnessed, keys, head }: LogEvidence): {
  known: Map<number, Known[]>;
  unreadable: string | undefined;
} {
  const known = new Map<number, Known[]>();
  let unreadable: string | undefined;
  const stored = checkpoints.map(({ size, note }) => ({ name: 'the checkpoint', note, size }));
  for (const { name, note, size } of [...stored, ...witnessed.map((entry) => ({ ...entry, size: undefined }))]) {
    const parsed = parseCheckpoint(note);
    const verdict = parsed === undefined ? 'forged' : judgeSignature(parsed, keys);
    if (parsed === undefined || verdict === 'forged' || (size !== undefined && parsed.size !== size)) {
      unreadable ??= `${name}${size === undefined ? '' : ` over ${counted(size)}`} was changed: its signature does not fit`;
    } else if (head !== undefined && parsed.origin !== head.origin) {
      unreadable ??= `${name} belongs to another log, ${parsed.origin}`;
    } else {
      const same = known.get(parsed.size) ?? [];
      known.set(parsed.size, [...same, { ...parsed, name, isSigned: verdict === 'good' }]);
    }
  }
  return { known, unreadable };
}

function judgeEnd(walk: Walk, { head }: LogEvidence, known: ReadonlyMap<number, readonly Known[]>): void {
  const longest = Math.max(0, ...known.keys());
  if (longest > walk.size) {
    const name = known.get(longest)?.[0]?.name ?? 'a checkpoint';
    walk.fail(walk.size, `it ends here, and ${name} is over ${counted(longest)}`);
  }
  if (walk.size === 0 && head === undefined) return;
  if (head?.size !== walk.size || head.lastHash !== walk.previous || rootOf(head.peaks) !== walk.root) {
    walk.fail(Math.min(walk.size, head?.size ?? 0), 'the head of the log does not fit its entries');
  }
  if (walk.signed < walk.size) walk.fail(walk.signed, 'no key that is known here has signed from here on');
}

/** A log that was emptied, with all that is signed beside it, begins anew or not at all; the runs are still known. */
async function judgeBeginning(walk: Walk, { removalsBefore }: LogEvidence): Promise<void> {
  const found = await removalsBefore?.(walk.firstMs);
  if (found === undefined) return;
  const { count, firstMs } = found;
  const runs = count === 1 ? '1 run' : `${count} runs`;
  const first = `${new Date(firstMs).toISOString().slice(0, 19)}Z`;
  const where = walk.size === 0 ? 'it is empty' : 'it begins too late';
  walk.fail(0, `${where}: the history has ${runs} that removed something and left no entry, the first at ${first}`);
}

/** What is wrong with one entry by itself and with the one before it. */
function faultOf(row: AuditRow, position: number, previous: string): string | undefined {
  if (row.position !== position) return `it is missing; the next one is ${row.position}`;
  if (leafHash(row.body) !== row.hash) return 'its text does not have its hash';
  let body: { readonly [name: string]: Plain };
  try {
    body = JSON.parse(row.body) as { readonly [name: string]: Plain };
    if (canonicalJson(body) !== row.body) return 'its text is not written as it should be';
  } catch {
    return 'its text cannot be read';
  }
  if (body['position'] !== position) return 'it was written for another place';
  if (body['previous'] !== previous) return 'it does not follow the entry before it';
  if (body['atMs'] !== row.atMs || body['action'] !== row.action) return 'what is listed of it is not what it says';
  return undefined;
}

function counted(size: number): string {
  return size === 1 ? '1 entry' : `${size} entries`;
}

/**
 * What was done that cannot be undone: by whom, from where, what plan was shown, what came of it. Only ever added to.
 * Each entry holds the hash of the one before it, and each addition signs the head of the tree over all of them.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendAudit } from '../store/audit-rows.ts';
import type { AuditHead, AuditRow } from '../store/audit-rows.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Plain } from './canonical-json.ts';
import { parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import type { SigningKey } from './checkpoint.ts';
import { grow, leafHash, rootOf } from './merkle-tree.ts';

/** Written before the act, so that one who kills it midway is on record too, and after it. */
export type AuditPhase = 'begun' | 'done' | 'failed';

export type AuditEntry = {
  /** `forget`, `prune`, `key remove`, … */
  readonly action: string;
  readonly phase: AuditPhase;
  readonly who: { readonly user: string; readonly uid: number; readonly asked?: string };
  readonly from: { readonly host: string; readonly pid: number; readonly client?: string };
  /** What it was done to. */
  readonly target: { readonly [name: string]: Plain | undefined };
  /** The plan as it was shown. */
  readonly shown?: Plain;
  readonly done?: Plain;
};

export type AuditLog = { readonly store: Store; readonly key: SigningKey; readonly folder: string };

/** Before the first entry there is nothing to follow. */
export const noHash: string = '0'.repeat(64);

export async function recordAudit({ store, key, folder }: AuditLog, entry: AuditEntry): Promise<AuditRow> {
  const { row, checkpoint } = await appendAudit(store, (head, nowMs) => {
    const { origin, size, lastHash, peaks } = head ?? emptyHead(`coffre/audit/${randomBytes(8).toString('hex')}`);
    const body = canonicalJson({ ...entry, version: 1, position: size, atMs: nowMs, previous: lastHash });
    const hash = leafHash(body);
    const grown: AuditHead = { origin, size: size + 1, lastHash: hash, peaks: grow(peaks, size, hash) };
    const note = signCheckpoint({ origin, size: grown.size, root: rootOf(grown.peaks) }, key);
    return {
      row: { position: size, atMs: nowMs, action: entry.action, body, hash },
      head: grown,
      checkpoint: { size: grown.size, keyName: `${key.name}+${key.id}`, note },
    };
  });
  keepCheckpoint(folder, checkpoint.note);
  return row;
}

function emptyHead(origin: string): AuditHead {
  return { origin, size: 0, lastHash: noHash, peaks: [] };
}

export function checkpointFile(folder: string): string {
  return join(folder, 'audit.checkpoint');
}

/** Beside the database, so that a database cut short is noticed; and for whoever carries it to another machine. */
function keepCheckpoint(folder: string, note: string): void {
  const path = checkpointFile(folder);
  const known = readCheckpointFile(path);
  const knownSize = known === undefined ? 0 : (parseCheckpoint(known)?.size ?? 0);
  if (knownSize >= (parseCheckpoint(note)?.size ?? 0)) return;
  const unfinished = `${path}.${process.pid}.part`;
  writeFileSync(unfinished, note, { mode: 0o600 });
  renameSync(unfinished, path);
}

/** Undefined when it is not there. */
export function readCheckpointFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

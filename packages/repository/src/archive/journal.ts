import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ByteString } from '../format/bytestring.ts';
import { makeFolders } from '../host/make-folders.ts';
import type { FileStat } from '../host/stat.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { isId, type BlobId, type PackId } from '../ids.ts';

/**
 * What an interrupted backup had already stored, kept beside the cache: one JSON line per pack and per file.
 * It only saves work. Packs are looked up in the storage and files count only when all their blobs are indexed,
 * so a stale, torn or foreign journal cannot do harm. It never becomes a snapshot: `latest` must not see half a backup.
 *
 *   {"p":"<pack id>"}
 *   {"f":"<path, one char a byte>","k":"<size>/<mtime>/<ctime>/<inode>","c":"<blob ids joined>",
 *    "s":"<SHA-256 of the whole file>","t":"<16 hexadecimal digits of the SHA-256 of c and s>"}   s and t: where it is known
 *
 * A wrong blob id is not in the index; nothing would show that the hash is wrong, so it has its own check.
 */
export class ResumeJournal {
  readonly #path: string;
  readonly #files = new Map<string, { key: string; content: string; sha256: string | undefined }>();
  readonly packs: PackId[] = [];
  #fd: number | undefined;
  #lines: string[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#load();
  }

  #load(): void {
    let text: string;
    try {
      text = readFileSync(this.#path, 'latin1');
    } catch {
      return;
    }
    for (const line of text.split('\n')) {
      try {
        const entry = JSON.parse(line) as Partial<Record<'p' | 'f' | 'k' | 'c' | 's' | 't', unknown>>;
        if (typeof entry.p === 'string' && isId(entry.p)) this.packs.push(entry.p as PackId);
        if (typeof entry.f === 'string' && typeof entry.k === 'string' && typeof entry.c === 'string') {
          const { f, k: key, c: content, s, t } = entry;
          const sha256 = typeof s === 'string' && isId(s) && t === checkOf(content, s) ? s : undefined;
          this.#files.set(f, { key, content, sha256 });
        }
      } catch {
        // A line torn by the crash: the file is simply read again.
      }
    }
  }

  find(path: ByteString, stat: FileStat): { content: BlobId[]; sha256: string | undefined } | undefined {
    const found = this.#files.get(path);
    if (found === undefined || found.key !== identityOf(stat)) return undefined;
    const content = (found.content.match(/[0-9a-f]{64}/g) ?? []) as string[] as BlobId[];
    return { content, sha256: found.sha256 };
  }

  packStored(id: PackId): void {
    this.#lines.push(JSON.stringify({ p: id }));
    this.#write();
  }

  saved(path: ByteString, stat: FileStat, content: readonly BlobId[], sha256: string | undefined): void {
    this.savedLines([journalLine(path, stat, content, sha256)]);
  }

  /** Lines made by `journalLine` elsewhere; empty ones are files that were not saved. */
  savedLines(lines: readonly string[]): void {
    for (const line of lines) if (line !== '') this.#lines.push(line);
    if (this.#lines.length >= 256) this.#write();
  }

  #write(): void {
    if (this.#lines.length === 0) return;
    try {
      if (this.#fd === undefined) {
        makeFolders(dirname(this.#path));
        this.#fd = openSync(this.#path, 'a', 0o600);
      }
      appendFileSync(this.#fd, `${this.#lines.join('\n')}\n`, 'latin1');
    } catch {
      // The journal is a convenience: a full cache disk must not stop a backup.
    }
    this.#lines = [];
  }

  /** The backup ended well: nothing to resume. */
  finish(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }

  close(): void {
    this.#write();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** @param sha256 of the whole file, when that is known and not the id of its only blob */
export function journalLine(
  path: ByteString,
  stat: FileStat,
  content: readonly BlobId[],
  sha256: string | undefined,
): string {
  const c = content.join('');
  const sum = sha256 === undefined ? {} : { s: sha256, t: checkOf(c, sha256) };
  return JSON.stringify({ f: path, k: identityOf(stat), c, ...sum });
}

function checkOf(content: string, sha256: string): string {
  return sha256Hex(Buffer.from(content + sha256, 'latin1')).slice(0, 16);
}

function identityOf(stat: FileStat): string {
  const { mtime, ctime } = stat;
  return `${stat.sizeBytes}/${mtime.sec}.${mtime.nsec}/${ctime.sec}.${ctime.nsec}/${stat.inode}`;
}

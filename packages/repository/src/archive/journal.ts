import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ByteString } from '../format/bytestring.ts';
import { makeFolders } from '../host/make-folders.ts';
import type { FileStat } from '../host/stat.ts';
import { isId, type BlobId, type PackId } from '../ids.ts';

/**
 * What an interrupted backup had already stored, kept beside the cache: one JSON line per pack and per file.
 * It only saves work. Packs are looked up in the storage and files count only when all their blobs are indexed,
 * so a stale, torn or foreign journal cannot do harm. It never becomes a snapshot: `latest` must not see half a backup.
 *
 *   {"p":"<pack id>"}
 *   {"f":"<path, one char a byte>","k":"<size>/<mtime>/<ctime>/<inode>","c":"<blob ids joined>"}
 */
export class ResumeJournal {
  readonly #path: string;
  readonly #files = new Map<string, { key: string; content: string }>();
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
        const entry = JSON.parse(line) as { p?: unknown; f?: unknown; k?: unknown; c?: unknown };
        if (typeof entry.p === 'string' && isId(entry.p)) this.packs.push(entry.p as PackId);
        if (typeof entry.f === 'string' && typeof entry.k === 'string' && typeof entry.c === 'string') {
          this.#files.set(entry.f, { key: entry.k, content: entry.c });
        }
      } catch {
        // A line torn by the crash: the file is simply read again.
      }
    }
  }

  find(path: ByteString, stat: FileStat): BlobId[] | undefined {
    const found = this.#files.get(path);
    if (found === undefined || found.key !== identityOf(stat)) return undefined;
    return (found.content.match(/[0-9a-f]{64}/g) ?? []) as string[] as BlobId[];
  }

  packStored(id: PackId): void {
    this.#lines.push(JSON.stringify({ p: id }));
    this.#write();
  }

  saved(path: ByteString, stat: FileStat, content: readonly BlobId[]): void {
    this.savedLines([journalLine(path, stat, content)]);
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

export function journalLine(path: ByteString, stat: FileStat, content: readonly BlobId[]): string {
  return JSON.stringify({ f: path, k: identityOf(stat), c: content.join('') });
}

function identityOf(stat: FileStat): string {
  const { mtime, ctime } = stat;
  return `${stat.sizeBytes}/${mtime.sec}.${mtime.nsec}/${ctime.sec}.${ctime.nsec}/${stat.inode}`;
}

/** Whether a snapshot still is what its manifest says: signature, every hash, nothing missing, nothing added. */
import { createHash } from 'node:crypto';
import {
  CoffreError,
  isCoffreError,
  messageOf,
  readContents,
  toText,
  type BlobId,
  type ByteString,
  type ErrorCode,
  type IndexedRepository,
} from '@coffre/repository';
import { parseChecksums, type Checksum } from './checksums.ts';
import { checksumsPath, closingPaths, manifestPath, parseManifest, signaturePath, type Manifest } from './manifest.ts';
import { ReadSums, type ReadSum } from './read-sums.ts';
import { hashFile, knownSha256, listFiles, readFile, type SavedFile } from './saved-files.ts';
import { checkSignature } from './signature.ts';

export type SignedManifest = {
  readonly manifest: Manifest;
  readonly checksums: readonly Checksum[];
  /** As they are in the snapshot, for `sha256sum -c`. */
  readonly checksumsText: Buffer;
  readonly fingerprint: string;
};

/**
 * The manifest, when its signature and the hash of the checksums fit.
 * @throws {CoffreError} MANIFEST_MISSING, MANIFEST_DAMAGED
 */
export async function loadManifest(
  indexed: IndexedRepository,
  tree: BlobId,
  signal: AbortSignal,
): Promise<SignedManifest> {
  const read = async (path: ByteString): Promise<Buffer> => await whole(indexed, tree, path, signal);
  let bytes: Buffer;
  try {
    bytes = await read(manifestPath);
  } catch (error) {
    if (!isCoffreError(error, 'PATH_NOT_IN_SNAPSHOT')) throw error;
    throw new CoffreError('MANIFEST_MISSING', 'the snapshot has no manifest', {
      hint: 'Only backups of sources have one. `coffre check --read-data` proves what is stored of any snapshot.',
      cause: error,
    });
  }
  try {
    const fingerprint = checkSignature(bytes, await read(signaturePath));
    const manifest = parseManifest(bytes);
    const checksumsText = await read(checksumsPath);
    const checksums = parseChecksums(checksumsText);
    const { sha256 } = await hashFile(indexed, tree, checksumsPath, signal);
    if (sha256 === manifest.checksums.sha256) return { manifest, checksums, checksumsText, fingerprint };
  } catch (error) {
    if (!isCoffreError(error, 'PATH_NOT_IN_SNAPSHOT')) throw error;
    throw new CoffreError('MANIFEST_DAMAGED', 'a part of the manifest is not in the snapshot', { cause: error });
  }
  throw new CoffreError('MANIFEST_DAMAGED', 'the checksums are not those that were signed', {
    hint: 'Somebody may have changed the snapshot. Verify an earlier one, and a copy of the repository.',
  });
}

async function whole(indexed: IndexedRepository, tree: BlobId, path: ByteString, signal: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of readFile(indexed, tree, path, signal)) parts.push(bytes);
  return Buffer.concat(parts);
}

export type VerifyFinding = {
  readonly path: string;
  readonly kind: 'missing' | 'added' | 'changed' | 'unreadable';
  readonly why: string;
  /** Why it is unreadable. */
  readonly code?: ErrorCode;
};

export type VerifyProgress = { readonly files: number; readonly bytes: number };

export type VerifiedContent = VerifyProgress & { readonly findings: readonly VerifyFinding[] };

/**
 * Reads every byte back; one damaged file does not hide the others.
 * @param sums of what was read back just now already
 * @param proved by an earlier snapshot: with the same path and hash it only has to be there
 */
export async function verifyContent(
  indexed: IndexedRepository,
  tree: BlobId,
  { checksums }: SignedManifest,
  signal: AbortSignal,
  sums: ReadSums = new ReadSums(),
  proved: ReadonlySet<string> = new Set(),
): Promise<VerifiedContent> {
  const findings: VerifyFinding[] = [];
  const find = (path: ByteString, kind: VerifyFinding['kind'], why: string, more: { code?: ErrorCode } = {}): void =>
    void findings.push({ path: toText(path), kind, why, ...more });
  const ours = new Set<string>(closingPaths);
  const saved = new Map<string, SavedFile>();
  for (const file of await listFiles(indexed, tree)) if (!ours.has(file.path)) saved.set(file.path, file);
  const expected = new Set<string>(checksums.map(({ path }) => path));
  for (const path of saved.keys())
    if (!expected.has(path)) find(path as ByteString, 'added', 'the manifest knows no such file');
  let files = 0;
  let bytes = 0;
  const compare = (path: ByteString, sha256: string, found: ReadSum): void => {
    files += 1;
    bytes += found.sizeBytes;
    if (found.sha256 !== sha256) find(path, 'changed', `its SHA-256 is ${found.sha256} instead of ${sha256}`);
  };
  const unread = checksums.flatMap(({ path, sha256 }) => {
    const file = saved.get(path);
    if (file === undefined) find(path, 'missing', 'the snapshot has no such file');
    if (file === undefined || proved.has(provedKey({ path, sha256 }))) return [];
    const known = sums.of(path);
    if (known !== undefined) compare(path, sha256, known);
    return known === undefined ? [{ ...file, sha256 }] : [];
  });
  await readContents(
    indexed,
    unread,
    async (file, content) => {
      try {
        compare(file.path, file.sha256, await hashContent(file, content));
      } catch (error) {
        if (signal.aborted || !isCoffreError(error)) throw error;
        find(file.path, 'unreadable', messageOf(error), { code: error.code });
      }
    },
    signal,
  );
  return { files, bytes, findings: findings.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** What a snapshot that was proved spares the next one, as `verifyContent` takes it. */
export function provedContent({ checksums }: SignedManifest): ReadonlySet<string> {
  return new Set(checksums.map(provedKey));
}

function provedKey({ path, sha256 }: Checksum): string {
  return `${sha256} ${path}`;
}

/** A file of one blob has the blob's own hash, which reading it proves. */
async function hashContent(file: SavedFile, content: AsyncIterable<Uint8Array>): Promise<ReadSum> {
  const known = knownSha256(file);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const bytes of content) {
    if (known === undefined) hash.update(bytes);
    sizeBytes += bytes.byteLength;
  }
  return { sha256: known ?? hash.digest('hex'), sizeBytes };
}

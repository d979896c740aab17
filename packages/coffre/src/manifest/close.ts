/** Makes the manifest of a backup that is about to be published. */
import { createHash, type KeyObject } from 'node:crypto';
import {
  isCoffreError,
  toText,
  type ByteString,
  type Closing,
  type IndexedRepository,
  type SavedContent,
  type StreamSource,
} from '@coffre/repository';
import { checksumLine, parseChecksums, type Checksum } from './checksums.ts';
import { checksumsPath, closingPaths, encodeManifest, manifestPath, signaturePath, type Manifest } from './manifest.ts';
import { hashFile, knownSha256, listFiles, readFile, type SavedFile } from './saved-files.ts';
import { signManifest } from './signature.ts';

/** What is known of a backup beside its contents. */
export type AboutBackup = Omit<Manifest, 'schema' | 'type' | 'totals' | 'checksums' | 'rejected'>;

export type BesideFile = { readonly path: ByteString; readonly bytes: Uint8Array };

export type CloseParts = {
  readonly indexed: IndexedRepository;
  readonly key: KeyObject;
  readonly signal: AbortSignal;
  /** Further files; the checksums have them too. */
  readonly beside: readonly BesideFile[];
  /** Asked when everything is saved. */
  readonly about: (saved: SavedContent) => Promise<AboutBackup>;
};

export function closeWithManifest(parts: CloseParts): Closing {
  return {
    paths: [...closingPaths, ...parts.beside.map(({ path }) => path)],
    async make(saved) {
      const about = await parts.about(saved);
      const checksums = [...(await checksumsOf(parts, saved)), ...parts.beside.map(summedOf)].toSorted(byPath);
      const sums = Buffer.concat(checksums.map(({ checksum }) => checksumLine(checksum)));
      const manifest = encodeManifest({
        schema: 'coffre.manifest/1',
        type: saved.parent === undefined ? 'full' : 'incremental',
        ...about,
        totals: {
          files: checksums.length,
          bytes: checksums.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        },
        checksums: {
          path: checksumsPath,
          sha256: createHash('sha256').update(sums).digest('hex'),
          entries: checksums.length,
        },
        rejected: saved.rejected.map(({ path, why, keptLastGood }) => ({ path: toText(path), why, keptLastGood })),
      });
      const made: StreamSource[] = [
        ...parts.beside,
        { path: checksumsPath, bytes: sums },
        { path: manifestPath, bytes: manifest },
        { path: signaturePath, bytes: signManifest(manifest, parts.key) },
      ];
      return made;
    },
  };
}

type Summed = { readonly checksum: Checksum; readonly sizeBytes: number };

/** Streams were hashed on their way in; files of one blob have its hash; the rest is looked up or read back. */
async function checksumsOf(parts: CloseParts, saved: SavedContent): Promise<Summed[]> {
  const { indexed, signal } = parts;
  const { tree, streams, rejected } = saved;
  const given = [...streams, ...rejected.flatMap(({ stored }) => (stored === undefined ? [] : [stored]))];
  const summed: Summed[] = given.map(({ path, sha256, sizeBytes }) => ({ checksum: { path, sha256 }, sizeBytes }));
  if (tree !== undefined) {
    const files = await listFiles(indexed, tree);
    const earlier = files.some((file) => knownSha256(file) === undefined)
      ? await earlierSums(parts, saved)
      : new Map<string, string>();
    for (const file of files) {
      const sha256 =
        knownSha256(file) ?? earlier.get(contentKey(file)) ?? (await hashFile(indexed, tree, file.path, signal)).sha256;
      summed.push({ checksum: { path: file.path, sha256 }, sizeBytes: file.sizeBytes });
    }
  }
  return summed;
}

function summedOf({ path, bytes }: BesideFile): Summed {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { checksum: { path, sha256 }, sizeBytes: bytes.byteLength };
}

function byPath(a: Summed, b: Summed): number {
  return a.checksum.path < b.checksum.path ? -1 : 1;
}

function contentKey({ path, content }: SavedFile): string {
  return `${path}\0${content.join('')}`;
}

/** Hashes of files whose content the parent has under the same path; only costs time when they are not to be had. */
async function earlierSums({ indexed, signal }: CloseParts, { parent }: SavedContent): Promise<Map<string, string>> {
  if (parent === undefined) return new Map();
  const { tree } = parent.snapshot;
  try {
    const parts: Uint8Array[] = [];
    for await (const bytes of readFile(indexed, tree, checksumsPath, signal)) parts.push(bytes);
    const sums = new Map(parseChecksums(Buffer.concat(parts)).map(({ path, sha256 }) => [path, sha256]));
    const files = (await listFiles(indexed, tree)).filter((file) => knownSha256(file) === undefined);
    return new Map(
      files.flatMap((file) => {
        const sha256 = sums.get(file.path);
        return sha256 === undefined ? [] : [[contentKey(file), sha256] as const];
      }),
    );
  } catch (error) {
    if (!isCoffreError(error) || signal.aborted) throw error;
    return new Map();
  }
}

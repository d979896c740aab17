/** Makes the manifest of a backup that is about to be published. */
import { createHash, type KeyObject } from 'node:crypto';
import {
  contentSum,
  ContentSums,
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
import { hashFile, listFiles, readFile } from './saved-files.ts';
import { signManifest } from './signature.ts';

/** What is known of a backup beside its contents. */
export type AboutBackup = Omit<Manifest, 'schema' | 'type' | 'totals' | 'checksums' | 'rejected'>;

export type BesideFile = { readonly path: ByteString; readonly bytes: Uint8Array };

export type CloseParts = {
  readonly indexed: IndexedRepository;
  readonly key: KeyObject;
  readonly signal: AbortSignal;
  /** Nothing is taken over from the parent unread. */
  readonly readsAll: boolean;
  /** Further files; the checksums have them too. */
  readonly beside: readonly BesideFile[];
  /** Asked when everything is saved. */
  readonly about: (saved: SavedContent) => Promise<AboutBackup>;
};

export function closeWithManifest(parts: CloseParts): Closing {
  return {
    paths: [...closingPaths, ...parts.beside.map(({ path }) => path)],
    needsSums: true,
    async make(saved) {
      const about = await parts.about(saved);
      const checksums = [...(await checksumsOf(parts, saved)), ...parts.beside.map(summedOf)].toSorted(byPath);
      const sums = Buffer.concat(checksums.map(({ checksum }) => checksumLine(checksum)));
      const manifest = encodeManifest({
        schema: 'coffre.manifest/1',
        type: saved.parent === undefined || parts.readsAll ? 'full' : 'incremental',
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

/** What was read now was hashed on its way in, and the parent's manifest knows what was not; the rest is read back. */
async function checksumsOf(parts: CloseParts, saved: SavedContent): Promise<Summed[]> {
  const { indexed, signal } = parts;
  const { tree, streams, rejected, sums } = saved;
  const given = [...streams, ...rejected.flatMap(({ stored }) => (stored === undefined ? [] : [stored]))];
  const summed: Summed[] = given.map(({ path, sha256, sizeBytes }) => ({ checksum: { path, sha256 }, sizeBytes }));
  if (tree !== undefined) {
    const files = await listFiles(indexed, tree);
    let earlier: ContentSums | undefined;
    for (const { path, content, sizeBytes } of files) {
      let sha256 = sums.of(content);
      if (sha256 === undefined) {
        earlier ??= await earlierSums(parts, saved);
        sha256 = earlier.of(content) ?? (await hashFile(indexed, tree, path, signal)).sha256;
      }
      summed.push({ checksum: { path, sha256 }, sizeBytes });
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

/** What the parent's manifest says; only costs time when it is not to be had. */
async function earlierSums({ indexed, signal }: CloseParts, { parent }: SavedContent): Promise<ContentSums> {
  const found = new ContentSums();
  if (parent === undefined) return found;
  const { tree } = parent.snapshot;
  try {
    const parts: Uint8Array[] = [];
    for await (const bytes of readFile(indexed, tree, checksumsPath, signal)) parts.push(bytes);
    const sums = new Map(parseChecksums(Buffer.concat(parts)).map(({ path, sha256 }) => [path, sha256]));
    for (const { path, content } of await listFiles(indexed, tree)) {
      const sha256 = sums.get(path);
      if (sha256 !== undefined && content.length > 1) found.add(contentSum(content, sha256));
    }
  } catch (error) {
    if (!isCoffreError(error) || signal.aborted) throw error;
  }
  return found;
}

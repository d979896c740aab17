/** One file on its way in: under a temporary name until it is whole, is what its name says, and is on the disk. */
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { isSyncUnsupported, syncFolder, writeAll } from '@coffre/repository';
import type { Clock, FileHandle, LocalFile, Random } from '@coffre/repository';
import { headBytesMax, largestUpload, tailBytes } from './file-shape.ts';
import type { JudgeUpload, UploadFacts } from './file-shape.ts';
import { createPace, type Pace } from './pace.ts';
import type { Quota } from './quota.ts';
import { refused } from './refusal.ts';
import { fileMode, nameTaken } from './repository-files.ts';
import type { RepositoryFiles } from './repository-files.ts';
import { temporaryName } from './survey.ts';

export type UploadParts = {
  readonly storage: RepositoryFiles;
  readonly quota: Quota;
  readonly judge: JudgeUpload;
  readonly clock: Clock;
  readonly random: Random;
  /** Tells our temporary files from those of a server that was killed. */
  readonly run: string;
};

export type Upload = {
  readonly folder: readonly string[];
  readonly file: FileHandle;
  /** Undefined for a body whose end is told at its end. */
  readonly declaredBytes: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
};

/** Written while the next bytes arrive. */
const batchBytesMax = 1024 * 1024;

/** Resolves to the size once the file is durable. On failure nothing is left. */
export async function receiveUpload(upload: Upload, parts: UploadParts): Promise<number> {
  const { folder, file, declaredBytes } = upload;
  const { storage, quota } = parts;
  const tooLarge = (): Error => refused(413, `no ${file.kind} file is larger than ${largestUpload(file)} bytes`);
  if ((declaredBytes ?? 0) > largestUpload(file)) throw tooLarge();
  const place = storage.placeOf(folder, file);
  if ((await storage.sizeOf(folder, file)) !== undefined) throw nameTaken();
  let reserved = 0;
  const reserve = (sizeBytes: number): void => {
    if (sizeBytes > largestUpload(file)) throw tooLarge();
    if (sizeBytes <= reserved) return;
    if (!quota.reserve(sizeBytes - reserved))
      throw refused(507, 'the repositories of this server have reached their size');
    reserved = sizeBytes;
  };
  const way: Way = { place, reserve, published: false };
  try {
    reserve(declaredBytes ?? 0);
    return await receiveAndPublish(upload, parts, way);
  } catch (error) {
    if (!way.published) quota.release(reserved);
    throw error;
  }
}

type Way = {
  readonly place: string;
  readonly reserve: (sizeBytes: number) => void;
  /** Once it has its name another request may have been told so, and it stays. */
  published: boolean;
};

async function receiveAndPublish(upload: Upload, parts: UploadParts, way: Way): Promise<number> {
  const { place, reserve } = way;
  const { storage, random, run } = parts;
  const { files } = storage;
  const pace = createPace(parts.clock);
  const temporary = temporaryName(place, run, random.bytes(8).toString('hex'));
  const open = await storage.createTemporary(upload.folder, temporary);
  try {
    let received: UploadFacts;
    try {
      received = await receive(upload, { open, reserve, pace });
      const reason = parts.judge(upload.file, received);
      if (reason !== undefined) throw refused(400, `refused as ${upload.file.kind}: ${reason}`);
      await open.sync().catch(ignoreUnsupportedSync);
    } finally {
      await open.close();
    }
    await files.chmod(temporary, fileMode).catch(() => undefined);
    await storage.publish(temporary, place);
    way.published = true;
    await syncFolder(files, dirname(place));
    return received.sizeBytes;
  } catch (error) {
    if (!way.published) await files.unlink(temporary).catch(() => undefined);
    throw error;
  }
}

async function receive(
  { body, declaredBytes }: Upload,
  { open, reserve, pace }: { open: LocalFile; reserve: Way['reserve']; pace: Pace },
): Promise<UploadFacts> {
  const hash = createHash('sha256');
  const heads: Uint8Array[] = [];
  let [headSize, sizeBytes, batchSize] = [0, 0, 0];
  let tail: Uint8Array = new Uint8Array();
  let batch: Uint8Array[] = [];
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of body) {
      sizeBytes += chunk.byteLength;
      reserve(sizeBytes);
      pace.expectEnough(sizeBytes);
      hash.update(chunk);
      if (headSize < headBytesMax) {
        const piece = chunk.subarray(0, headBytesMax - headSize);
        heads.push(piece);
        headSize += piece.byteLength;
      }
      tail = lastBytes(tail, chunk);
      batch.push(chunk);
      batchSize += chunk.byteLength;
      if (batchSize < batchBytesMax) continue;
      await writing;
      writing = writeAll(open, batch);
      // It is looked at before the next batch; until then it is not a stray rejection.
      writing.catch(() => undefined);
      [batch, batchSize] = [[], 0];
    }
    await writing;
    await writeAll(open, batch);
  } finally {
    // The file is closed next.
    await writing.catch(() => undefined);
  }
  if (declaredBytes !== undefined && declaredBytes !== sizeBytes)
    throw refused(400, 'fewer bytes came than were promised');
  return { sizeBytes, sha256: hash.digest('hex'), head: Buffer.concat(heads), tail };
}

function lastBytes(before: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.byteLength >= tailBytes) return chunk.slice(-tailBytes);
  return Buffer.concat([before, chunk]).subarray(-tailBytes);
}

function ignoreUnsupportedSync(error: unknown): void {
  if (!isSyncUnsupported(error)) throw error;
}

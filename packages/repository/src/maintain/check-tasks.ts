/** The part of a check that worker threads do. What crosses is flat: a pack may hold thousands of blobs. */
import { ChunkDigests } from '../crypto/chunk-digests.ts';
import { release } from '../crypto/release.ts';
import { createSealer } from '../crypto/seal.ts';
import { idFromBytes, type BlobId, type PackId } from '../ids.ts';
import { reviveKey, type AskOwner, type CheckSetup, type TaskHandler } from '../workers/tasks.ts';
import { checkPackBytes, type ExpectedBlob, type PackTools } from './check-pack.ts';

export type CheckPackPayload = {
  readonly packId: PackId;
  readonly bytes: ArrayBuffer;
  readonly ids: ArrayBuffer;
  /** Four per blob: 1 for a tree, offset, length, plaintext length (0 when stored raw). */
  readonly numbers: Uint32Array<ArrayBuffer>;
};

const idBytes = 32;
const numbersPerBlob = 4;

export function packPayload(packId: PackId, bytes: ArrayBuffer, expected: readonly ExpectedBlob[]): CheckPackPayload {
  const ids = Buffer.from(new ArrayBuffer(expected.length * idBytes));
  const numbers = new Uint32Array(expected.length * numbersPerBlob);
  for (const [index, { type, id, offset, length, uncompressedLength = 0 }] of expected.entries()) {
    ids.write(id, index * idBytes, 'hex');
    numbers.set([type === 'tree' ? 1 : 0, offset, length, uncompressedLength], index * numbersPerBlob);
  }
  return { packId, bytes, ids: ids.buffer, numbers };
}

function expectedOf({ ids, numbers }: CheckPackPayload): ExpectedBlob[] {
  return Array.from({ length: numbers.length / numbersPerBlob }, (_, index) => {
    const [isTree = 0, offset = 0, length = 0, uncompressedLength = 0] = numbers.subarray(index * numbersPerBlob);
    const id = idFromBytes<BlobId>(new Uint8Array(ids, index * idBytes, idBytes));
    const type = isTree === 1 ? 'tree' : 'data';
    return { type, id, offset, length, ...(uncompressedLength > 0 && { uncompressedLength }) };
  });
}

/** What every thread needs, made once in it. */
export function packTools(setup: CheckSetup): PackTools {
  return { sealer: createSealer(reviveKey(setup.key)), digests: new ChunkDigests(setup.lanes) };
}

export function checkTasks(setup: CheckSetup, _ask: AskOwner): Record<string, TaskHandler> {
  const tools = packTools(setup);
  return {
    'check-pack': (payload) => {
      const job = payload as CheckPackPayload;
      const bytes = Buffer.from(job.bytes);
      const result = checkPackBytes(tools, { id: job.packId, bytes }, expectedOf(job));
      release(bytes);
      return Promise.resolve({ result });
    },
  };
}

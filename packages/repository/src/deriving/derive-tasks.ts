import { Romix } from '../crypto/scrypt/romix.ts';
import type { DeriveSetup, TaskHandler } from '../workers/tasks.ts';

/** `romix`: one block of 1024 bytes, there and back. */
export function deriveTasks({ kernel }: DeriveSetup): Record<string, TaskHandler> {
  const lane = new Romix(kernel);
  return {
    romix: async (payload) => {
      const block = payload as Uint8Array<ArrayBuffer>;
      lane.mix(block);
      return { result: block, transfer: [block.buffer] };
    },
  };
}

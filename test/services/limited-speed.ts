import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Backend, FileHandle } from '../../packages/repository/src/backend/backend.ts';
import { createThrottle } from '../../packages/repository/src/backend/limits/throttle.ts';
import type { Throttle } from '../../packages/repository/src/backend/limits/throttle.ts';
import { sha256Hex } from '../../packages/repository/src/crypto/hash.ts';
import { createFakeClock } from '../../packages/repository/src/testing/fake-clock.ts';

/** 1 MiB a second both ways, whose seconds pass at once: every byte waits for its turn, and no test does. */
export function limitedSpeed(): Throttle {
  const clock = createFakeClock({ sleepless: true });
  return createThrottle({ usual: { up: 2 ** 20, down: 2 ** 20 }, windows: [] }, { clock, minuteOfDay: () => 0 });
}

/** Of a pack in uneven parts and of a small file, whole and in part. */
export async function assertSameBytes(backend: Backend): Promise<void> {
  const bytes = randomBytes(3_000_000);
  const pack: FileHandle = { kind: 'data', name: sha256Hex(bytes) };
  const small: FileHandle = { kind: 'keys', name: sha256Hex(bytes.subarray(0, 300)) };
  await backend.create();
  await Promise.all([
    backend.save(pack, [bytes.subarray(0, 7), bytes.subarray(7, 500_000), bytes.subarray(500_000)]),
    backend.save(small, [bytes.subarray(0, 300)]),
  ]);
  assert.ok((await backend.load(pack)).equals(bytes));
  assert.ok((await backend.load(small)).equals(bytes.subarray(0, 300)));
  const range = await backend.load(pack, { offset: 1_234_567, length: 1_000_000 });
  assert.ok(range.equals(bytes.subarray(1_234_567, 2_234_567)));
}

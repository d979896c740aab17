import assert from 'node:assert/strict';
import type { FakeClock } from './fake-clock.ts';

const ticksPerSecond = 16;
/** What the bytes may be late, as what may run ahead of the rate: then none of it is lost. */
const lateTicks = 4;

/**
 * Lets time pass in small steps until `transfer` is over, and finds that every one of them moved about as much as the
 * rate allows: what ran ahead is a quarter of a second's worth, and at no time it stood still for longer.
 * @param moved bytes so far
 */
export async function assertEvenPace(
  transfer: Promise<unknown>,
  facts: { clock: FakeClock; moved: () => number; sizeBytes: number; bytesPerSecond: number; pieceBytes: number },
): Promise<void> {
  const { clock, moved, sizeBytes, bytesPerSecond, pieceBytes } = facts;
  const state = { isOver: false };
  const end = transfer.finally(() => (state.isOver = true));
  // Whoever stops early with a finding has no time for another one.
  end.catch(() => undefined);
  const tickBytes = bytesPerSecond / ticksPerSecond;
  for (let tick = 1; tick * tickBytes < sizeBytes; tick += 1) {
    await clock.advance(1000 / ticksPerSecond);
    // The bytes are on a real line, which needs a moment of its own.
    while (!state.isOver && moved() < (tick - lateTicks) * tickBytes) await moment();
    const most = (tick + lateTicks) * tickBytes + 2 * pieceBytes;
    assert.ok(moved() <= most, `${moved()} bytes after ${tick} sixteenths of a second, at most ${most} are even`);
  }
  while (!state.isOver) {
    await clock.advance(1000 / ticksPerSecond);
    await moment();
  }
  await end;
  assert.equal(moved(), sizeBytes);
}

async function moment(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1));
}

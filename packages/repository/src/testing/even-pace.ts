import assert from 'node:assert/strict';
import type { FakeClock } from './fake-clock.ts';

/**
 * Lets second after second pass until `transfer` is over, and finds that every one of them moved about as much as the
 * rate allows: what ran ahead is a quarter of a second's worth, and no second stood still.
 * @param moved bytes so far
 */
export async function assertEvenPace(
  transfer: Promise<unknown>,
  facts: { clock: FakeClock; moved: () => number; sizeBytes: number; bytesPerSecond: number; pieceBytes: number },
): Promise<void> {
  const { clock, moved, sizeBytes, bytesPerSecond, pieceBytes } = facts;
  for (let second = 1; second * bytesPerSecond < sizeBytes; second += 1) {
    await clock.advance(1000);
    const due = second * bytesPerSecond - pieceBytes;
    // The bytes are on a real line, which needs a moment of its own.
    while (moved() < due) await new Promise((resolve) => setTimeout(resolve, 1));
    const most = (second + 0.25) * bytesPerSecond + 2 * pieceBytes;
    assert.ok(moved() <= most, `${moved()} bytes after ${second} s, at most ${most} are even`);
  }
  await clock.advance(2000);
  await transfer;
  assert.equal(moved(), sizeBytes);
}

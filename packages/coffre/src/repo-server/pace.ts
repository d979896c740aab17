import type { Clock } from '@coffre/repository';
import { refused } from './refusal.ts';

/** A modem is faster; who sends less keeps a connection from others. */
const bytesPerSecondMin = 256;
const graceMs = 60_000;

export type Pace = {
  /** Throws 408 when what has come in by now is less than the slowest line brings. */
  expectEnough(receivedBytes: number): void;
};

/** For a body that comes in, however long it takes. */
export function createPace(clock: Clock): Pace {
  const startMs = clock.monotonicMs();
  return {
    expectEnough(receivedBytes) {
      const elapsedMs = clock.monotonicMs() - startMs;
      if (elapsedMs > graceMs && receivedBytes < (elapsedMs / 1000) * bytesPerSecondMin) {
        throw refused(408, 'the upload was too slow');
      }
    },
  };
}

import type { Clock } from '../host/host.ts';

export type FakeClock = Clock & {
  /** Time passes in steps: each sleeper wakes at its own moment and may sleep again. */
  advance(durationMs: number): Promise<void>;
  /** The machine sleeps: the calendar moves on, sleepers and durations do not. */
  jump(durationMs: number): void;
  /** How many are asleep. */
  sleeping(): number;
};

export type FakeClockOptions = {
  start?: Date;
  /** Sleeping moves the time on at once, for code whose waits are of no interest. */
  sleepless?: boolean;
};

type Sleeper = { readonly wakeMs: number; readonly wake: () => void };

export function createFakeClock(options: FakeClockOptions = {}): FakeClock {
  const { start = new Date('2026-01-02T03:04:05Z'), sleepless = false } = options;
  let elapsedMs = 0;
  let jumpedMs = 0;
  const sleepers = new Set<Sleeper>();

  return {
    nowNs: () => BigInt(Math.round((start.getTime() + elapsedMs + jumpedMs) * 1000)) * 1000n,
    monotonicMs: () => elapsedMs,

    async sleep(durationMs, signal) {
      signal?.throwIfAborted();
      if (sleepless) {
        elapsedMs += durationMs;
        return settle();
      }
      await new Promise<void>((resolve, reject) => {
        const sleeper: Sleeper = { wakeMs: elapsedMs + durationMs, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            sleepers.delete(sleeper);
            reject(signal.reason as Error);
          },
          { once: true },
        );
      });
    },

    async advance(durationMs) {
      const endMs = elapsedMs + durationMs;
      await settle();
      for (;;) {
        const next = [...sleepers].toSorted((a, b) => a.wakeMs - b.wakeMs)[0];
        if (next === undefined || next.wakeMs > endMs) break;
        elapsedMs = next.wakeMs;
        sleepers.delete(next);
        next.wake();
        await settle();
      }
      elapsedMs = endMs;
    },

    jump(durationMs) {
      jumpedMs += durationMs;
    },

    sleeping: () => sleepers.size,
  };
}

/** Lets everything run that needs no time: promises in memory, a few rounds of the event loop. */
async function settle(): Promise<void> {
  for (let round = 0; round < 10; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

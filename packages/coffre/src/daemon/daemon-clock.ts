/** Both clocks and the one timer of the daemon, handed in so that tests can bend them. */
import type { Moment } from '../schedule/plan-entry.ts';

export type DaemonClock = {
  now(): Moment;
  /** Calls once, in so many milliseconds of the monotonic clock. Disposing of it takes it back. */
  after(delayMs: number, call: () => void): Disposable;
};

/** The monotonic clock of Linux stands still while the machine sleeps, and so do timers. */
export function systemDaemonClock(): DaemonClock {
  return {
    now: () => ({ wallMs: Date.now(), monotonicMs: performance.now() }),
    after: (delayMs, call) => {
      const timer = setTimeout(call, delayMs);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}

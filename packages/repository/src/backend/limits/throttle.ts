import type { Clock } from '../../host/host.ts';
import { localMinuteOfDay, ratesAt } from './rate-plan.ts';
import type { RatePlan } from './rate-plan.ts';

/** One direction of a limited line, shared by everybody who holds it. */
export type Gate = {
  /** Resolves when so many bytes may pass. Who waits is served in turn, a piece each, so nobody starves the others. */
  take(sizeBytes: number, signal?: AbortSignal): Promise<void>;
  /** Pieces of this size pass evenly at the rate of this moment. */
  pieceBytes(): number;
  /** What passes in about a second at the rate of this moment; Infinity without a limit. */
  secondBytes(): number;
};

export type Throttle = { readonly up: Gate; readonly down: Gate };

export type ThrottleOptions = {
  readonly clock: Clock;
  /** The minute of the local day of a moment in ms since 1970; by this machine's zone when absent. */
  readonly minuteOfDay?: (nowMs: number) => number;
};

/** What may run ahead of the rate, so that coarse timers do not cost bandwidth. */
const aheadMs = 250;
/** Even a crowd of calls then moves several pieces a second each, far from any time limit for stuck requests. */
const piecesPerSecond = 16;
const pieceBytesMin = 1024;
const pieceBytesMax = 256 * 1024;

export function createThrottle(plan: RatePlan, options: ThrottleOptions): Throttle {
  const { clock, minuteOfDay = localMinuteOfDay } = options;
  const rates = () => ratesAt(plan, minuteOfDay(Number(clock.nowNs() / 1_000_000n)));
  return { up: createGate(() => rates().up, clock), down: createGate(() => rates().down, clock) };
}

type Waiting = { readonly sizeBytes: number; readonly pass: () => void };

/** @param rateNow bytes per second; undefined without a limit. Asked for every piece, so a timetable takes hold at once. */
function createGate(rateNow: () => number | undefined, clock: Clock): Gate {
  const queue: Waiting[] = [];
  let serving = false;
  /** When all that was let through will have passed at the rate. */
  let clearAtMs = -Infinity;

  async function serve(): Promise<void> {
    if (serving) return;
    serving = true;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const rate = rateNow();
      const nowMs = clock.monotonicMs();
      const earlyMs = clearAtMs - aheadMs - nowMs;
      if (rate !== undefined && earlyMs > 0) {
        await clock.sleep(Math.max(1, Math.min(earlyMs, 1000)));
        continue;
      }
      queue.shift();
      clearAtMs = rate === undefined ? nowMs : Math.max(clearAtMs, nowMs) + (next.sizeBytes / rate) * 1000;
      next.pass();
    }
    serving = false;
  }

  async function takePiece(sizeBytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { sizeBytes, pass: resolve };
    const leave = (): void => {
      const place = queue.indexOf(waiting);
      if (place >= 0) queue.splice(place, 1);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', leave, { once: true });
    queue.push(waiting);
    void serve();
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  function pieceBytes(): number {
    const rate = rateNow() ?? Infinity;
    return Math.ceil(Math.min(Math.max(rate / piecesPerSecond, pieceBytesMin), pieceBytesMax));
  }

  return {
    async take(sizeBytes, signal) {
      for (let left = sizeBytes; left > 0;) {
        signal?.throwIfAborted();
        const piece = Math.min(left, pieceBytes());
        await takePiece(piece, signal);
        left -= piece;
      }
    },
    pieceBytes,
    secondBytes: () => rateNow() ?? Infinity,
  };
}

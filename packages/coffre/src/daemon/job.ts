/** A run as the daemon sees it while it goes on: what it said last, and who listens. */
import type { RunMessage, RunPhase, RunProgress } from '../run/run-message.ts';
import type { Cause, Slots, Start } from '../schedule/plan-entry.ts';
import type { RunId } from '../store/tables.ts';
import type { DaemonClock } from './daemon-clock.ts';
import type { RunProcess } from './run-process.ts';
import type { Work } from './work.ts';

/** `stop`: the daemon ends; then the slot stays open, and the next daemon runs it. */
export type CancelReason = 'asked' | 'max_runtime' | 'stop';

export type JobState = 'starting' | 'running' | 'cancelling';

const linesMax = 500;

export class Job {
  /** As the agenda calls it. */
  readonly plan: string;
  readonly history: Work['history'];
  readonly cause: Cause;
  readonly attempt: number;
  readonly full: boolean;
  readonly startedAtMs: number;
  /** Those that it stands for; a retry stands for those of the tries before it. */
  slots: Slots | undefined;
  process: RunProcess | undefined;
  runId: RunId | undefined;
  phase: RunPhase | undefined;
  progress: RunProgress | undefined;
  cancelReason: CancelReason | undefined;
  /** The newest; whoever wants all reads the file of the run. */
  readonly recent: RunMessage[] = [];
  #wake: (() => void) | undefined;
  readonly #listeners = new Set<(message: RunMessage | undefined) => void>();

  constructor(start: Start, { history }: Pick<Work, 'history'>, slots: Slots | undefined, startedAtMs: number) {
    this.plan = start.plan;
    this.history = history;
    this.cause = start.cause;
    this.attempt = start.attempt;
    this.full = start.full;
    this.slots = slots;
    this.startedAtMs = startedAtMs;
  }

  get state(): JobState {
    if (this.cancelReason !== undefined) return 'cancelling';
    return this.runId === undefined ? 'starting' : 'running';
  }

  take(message: RunMessage): void {
    switch (message.type) {
      case 'started':
        this.runId = message.runId;
        break;
      case 'phase':
        this.phase = message.phase;
        break;
      case 'progress':
        this.progress = message;
        break;
      case 'line':
      case 'saved':
      case 'ended':
        break;
      default:
        message satisfies never;
    }
    if (message.type !== 'progress') {
      this.recent.push(message);
      if (this.recent.length > linesMax) this.recent.shift();
    }
    for (const listener of this.#listeners) listener(message);
  }

  /** Ends early when it is cancelled. */
  async pause(clock: DaemonClock, durationMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const timer = clock.after(durationMs, resolve);
      if (this.cancelReason !== undefined) {
        timer[Symbol.dispose]();
        resolve();
      }
    });
  }

  /** The first reason stays. A process that comes later is cancelled at once. */
  cancel(reason: CancelReason): void {
    this.cancelReason ??= reason;
    this.process?.cancel();
    this.#wake?.();
  }

  /** Every message from now on; undefined when there will be none any more. */
  listen(listener: (message: RunMessage | undefined) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  end(): void {
    for (const listener of this.#listeners) listener(undefined);
    this.#listeners.clear();
  }
}

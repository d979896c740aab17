/** Keeps one trigger of one plan at work: started, started again when it ends, stopped within a time limit. */
import { messageOf } from '@coffre/repository';
import type { ExtensionThread, StartThread, ThreadListener } from '../../extension/extension-thread.ts';
import type { ExtensionPlaces } from '../../extension/load.ts';
import { markVariable } from '../../platform/marked-processes.ts';
import type { DaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { Leftovers } from '../leftovers.ts';

export type WatchedTrigger = {
  readonly plan: string;
  readonly use: string;
  /** As they are written: secrets are references. */
  readonly settings: unknown;
};

export type TriggerParts = {
  readonly clock: DaemonClock;
  readonly log: DaemonLog;
  readonly leftovers: Leftovers;
  readonly startThread: StartThread;
  readonly resolve: (settings: unknown) => Promise<unknown>;
  readonly onFire: (trigger: WatchedTrigger, reason: string | undefined) => void;
  /** It failed, and is started again. */
  readonly onFailing: (trigger: WatchedTrigger, problem: string) => void;
  readonly onWorking: (trigger: WatchedTrigger) => void;
};

export type TriggerWork = 'starting' | 'watching' | 'failing' | 'stopped';

const firstPauseMs = 1000;
const pauseMaxMs = 300_000;
/** Who has watched for so long counts as working. */
const steadyMs = 10_000;

export class TriggerKeeper {
  readonly trigger: WatchedTrigger;
  readonly #parts: TriggerParts;
  readonly #places: ExtensionPlaces;
  #thread: ExtensionThread | undefined;
  #timer: Disposable | undefined;
  #failures = 0;
  #work: TriggerWork = 'starting';
  #problem: string | undefined;
  #going: Promise<void> = Promise.resolve();

  constructor(trigger: WatchedTrigger, places: ExtensionPlaces, parts: TriggerParts) {
    this.trigger = trigger;
    this.#places = places;
    this.#parts = parts;
  }

  get work(): TriggerWork {
    return this.#work;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    if (this.#work === 'stopped') return;
    this.#work = 'starting';
    this.#going = this.#run();
  }

  async stop(): Promise<void> {
    this.#work = 'stopped';
    this.#timer?.[Symbol.dispose]();
    this.#thread?.stop();
    await this.#going;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let problem: string;
    try {
      problem = await this.#watch();
    } catch (error) {
      problem = messageOf(error);
    }
    this.#thread = undefined;
    this.#timer?.[Symbol.dispose]();
    if (!this.#isStopped()) this.#failed(problem);
  }

  /** @returns why it does not watch any more */
  async #watch(): Promise<string> {
    const { plan, use, settings } = this.trigger;
    const resolved = await this.#parts.resolve(settings);
    if (this.#isStopped()) return '';
    const { startThread, leftovers, log } = this.#parts;
    const mark = leftovers.newMark();
    const setup = { places: this.#places, use, settings: resolved, task: { kind: 'trigger', plan } } as const;
    const heard: ThreadListener = (message) => {
      if (this.#isStopped()) return;
      if (message.type === 'ready') this.#ready();
      else if (message.type === 'fired') this.#parts.onFire(this.trigger, message.reason);
      else if (message.type === 'said') log.info('trigger.said', { plan, trigger: use, text: message.text });
    };
    this.#thread = startThread(setup, heard, { [markVariable]: mark });
    const failure = await this.#thread.ended;
    // Programs that it started would go on without it.
    await leftovers.endOf(mark);
    if (failure === undefined) return 'it ended by itself';
    return failure.hint === undefined ? failure.message : `${failure.message} (${failure.hint})`;
  }

  #isStopped(): boolean {
    return this.#work === 'stopped';
  }

  #ready(): void {
    const { plan, use } = this.trigger;
    this.#work = 'watching';
    this.#parts.log.info('trigger.watches', { plan, trigger: use });
    this.#timer = this.#parts.clock.after(steadyMs, () => {
      this.#failures = 0;
      this.#problem = undefined;
      this.#parts.onWorking(this.trigger);
    });
  }

  #failed(problem: string): void {
    const { clock, log, onFailing } = this.#parts;
    const { plan, use } = this.trigger;
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, pauseMaxMs);
    this.#failures += 1;
    this.#work = 'failing';
    this.#problem = problem;
    log.warn('trigger.failed', { plan, trigger: use, reason: problem, tryAgainMs: pauseMs });
    onFailing(this.trigger, problem);
    this.#timer = clock.after(pauseMs, () => this.start());
  }
}

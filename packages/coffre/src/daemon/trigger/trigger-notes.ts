/** What triggers do, in the state: status shows it, and who wants to know is told when one stops working. */
import type { Config } from '../../config/config.ts';
import { channelsFor } from '../../alert/routing.ts';
import { recordEvent } from '../../store/events.ts';
import type { Store } from '../../store/store.ts';
import { noteFailing, noteFired, noteWorking } from '../../store/trigger-states.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { WatchedTrigger } from './trigger-keeper.ts';

export class TriggerNotes {
  readonly #store: Store;
  readonly #log: DaemonLog;
  readonly #alerts: () => Config['alerts'];
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, log: DaemonLog, alerts: () => Config['alerts']) {
    this.#store = store;
    this.#log = log;
    this.#alerts = alerts;
  }

  fired({ plan, use }: WatchedTrigger, reason: string | undefined): void {
    this.#write(async () => await noteFired(this.#store, plan, use, reason));
  }

  failing({ plan, use }: WatchedTrigger, problem: string): void {
    this.#write(async () => {
      await this.#store.transaction(async (rows) => {
        if (!(await noteFailing(rows, plan, use, problem))) return;
        const causes = ['unknown'] as const;
        const detail = { trigger: use, problem, causes };
        await recordEvent(rows, { code: 'trigger.failed', plan, detail }, channelsFor(this.#alerts(), causes));
      });
    });
  }

  working({ plan, use }: WatchedTrigger): void {
    this.#write(async () => {
      if (await noteWorking(this.#store, plan, use)) this.#log.info('trigger.works', { plan, trigger: use });
    });
  }

  async written(): Promise<void> {
    await this.#writing;
  }

  /** In their order. A state that is away loses a note, and nothing else. */
  #write(work: () => Promise<unknown>): void {
    this.#writing = this.#writing
      .then(work)
      .then(() => undefined)
      .catch((error: unknown) => this.#log.error('state.unavailable', { error }));
  }
}

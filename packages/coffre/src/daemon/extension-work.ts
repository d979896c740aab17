/** What extensions do for the daemon: triggers that start plans, and channels that tell of them. */
import type { DeliveryParts } from '../alert/delivery.ts';
import { Outbox } from '../alert/outbox.ts';
import type { Config } from '../config/config.ts';
import type { StartThread } from '../extension/extension-thread.ts';
import type { Leftovers } from './leftovers.ts';
import type { StateParts } from './patient-state.ts';
import { TriggerNotes } from './trigger/trigger-notes.ts';
import { Triggers } from './trigger/triggers.ts';
import type { TriggerView } from './trigger/triggers.ts';
import type { Work } from './work.ts';

/** What their code needs of the outside. */
export type ExtensionDoors = {
  /** Of the configuration: modules are looked for from here. */
  readonly folder: string;
  readonly startThread: StartThread;
  readonly resolve: (settings: unknown, secrets: Config['secrets']) => Promise<unknown>;
};

type Governing = Pick<Config, 'alerts' | 'company' | 'extensions' | 'secrets'>;

export type ExtensionParts = Pick<StateParts, 'store' | 'clock' | 'log' | 'machine'> & {
  /** Absent: no trigger listens, and nothing is sent. */
  readonly extensions?: ExtensionDoors;
  readonly leftovers: Leftovers;
};

export class ExtensionWork {
  readonly #parts: ExtensionParts;
  readonly #triggers: Triggers | undefined;
  readonly #notes: TriggerNotes;
  readonly #outbox: Outbox | undefined;
  #governing: Governing = {
    alerts: { channels: {}, routes: [] },
    company: undefined,
    extensions: [],
    secrets: new Map(),
  };

  #plans: ReadonlySet<string> = new Set();

  /** @param fire @returns false when the plan does not listen */
  constructor(parts: ExtensionParts, fire: (plan: string, use: string) => boolean) {
    this.#parts = parts;
    this.#notes = new TriggerNotes(parts.store, parts.log, () => this.alerts);
    const { extensions } = parts;
    if (extensions === undefined) return;
    this.#triggers = this.#openTriggers(extensions, fire);
    this.#outbox = new Outbox(
      () => this.#deliveryParts(extensions),
      parts.clock,
      (plan) => this.#plans.has(plan),
    );
  }

  get alerts(): Config['alerts'] {
    return this.#governing.alerts;
  }

  get triggers(): readonly TriggerView[] {
    return this.#triggers?.views ?? [];
  }

  /** Whom to tell of what is found out before anything starts. */
  know({ alerts, company, extensions, secrets }: Governing): void {
    this.#governing = { alerts, company, extensions, secrets };
  }

  /** The configuration is this from now on. */
  take(config: Governing, works: readonly Work[]): void {
    this.know(config);
    this.#plans = new Set(works.map(({ history }) => history.plan));
    this.#triggers?.watch(works, { names: config.extensions, folder: this.#parts.extensions?.folder ?? '' });
    this.wake();
  }

  /** There may be something to send. */
  wake(): void {
    this.#outbox?.wake();
  }

  /** Nothing fires any more. */
  async stopTriggers(): Promise<void> {
    await this.#triggers?.stop();
    await this.#notes.written();
  }

  async stopSending(): Promise<void> {
    await this.#outbox?.stop();
  }

  #openTriggers({ startThread, resolve }: ExtensionDoors, fire: (plan: string, use: string) => boolean): Triggers {
    const { clock, log, leftovers } = this.#parts;
    return new Triggers({
      clock,
      log,
      leftovers,
      startThread,
      resolve: async (settings) => await resolve(settings, this.#governing.secrets),
      onFire: (trigger, reason) => {
        const { plan, use } = trigger;
        if (!fire(plan, use)) return;
        log.info('trigger.fired', { plan, trigger: use, reason });
        this.#notes.fired(trigger, reason);
      },
      onFailing: (trigger, problem) => {
        this.#notes.failing(trigger, problem);
        this.wake();
      },
      onWorking: (trigger) => this.#notes.working(trigger),
    });
  }

  #deliveryParts({ folder, startThread, resolve }: ExtensionDoors): DeliveryParts {
    const { store, log, machine } = this.#parts;
    const { alerts, company, extensions, secrets } = this.#governing;
    return {
      store,
      log,
      startThread,
      sender: { alerts, company, host: machine.host },
      places: { names: extensions, folder },
      resolve: async (settings) => await resolve(settings, secrets),
    };
  }
}

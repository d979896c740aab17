/** The triggers of all plans. Those that are as they were go on when others change. */
import type { ExtensionPlaces } from '../../extension/load.ts';
import type { Work } from '../work.ts';
import { TriggerKeeper } from './trigger-keeper.ts';
import type { TriggerParts, TriggerWork, WatchedTrigger } from './trigger-keeper.ts';

export type TriggerView = {
  readonly plan: string;
  readonly trigger: string;
  readonly state: TriggerWork;
  readonly problem?: string;
};

type PlanTriggers = { readonly fingerprint: string; readonly keepers: readonly TriggerKeeper[] };

export class Triggers {
  readonly #parts: TriggerParts;
  readonly #plans = new Map<string, PlanTriggers>();
  /** Those that are asked to end and have not ended. */
  readonly #ending = new Set<Promise<void>>();
  #isStopped = false;

  constructor(parts: TriggerParts) {
    this.#parts = parts;
  }

  get views(): TriggerView[] {
    return [...this.#plans.values()].flatMap(({ keepers }) =>
      keepers.map(({ trigger, work, problem }) => ({
        plan: trigger.plan,
        trigger: trigger.use,
        state: work,
        ...(problem !== undefined && { problem }),
      })),
    );
  }

  /** Exactly these from now on; who takes the place of another one waits until that one has ended. */
  watch(works: Iterable<Work>, places: ExtensionPlaces): void {
    if (this.#isStopped) return;
    const wanted = new Map<string, { readonly fingerprint: string; readonly triggers: readonly WatchedTrigger[] }>();
    for (const { entry } of works) {
      const triggers = triggersOf(entry);
      if (triggers.length > 0) wanted.set(entry.plan, { fingerprint: JSON.stringify([places, triggers]), triggers });
    }
    const ended = new Map<string, Promise<unknown>>();
    for (const [plan, { fingerprint, keepers }] of this.#plans) {
      if (wanted.get(plan)?.fingerprint === fingerprint) continue;
      this.#plans.delete(plan);
      ended.set(plan, this.#end(keepers));
    }
    for (const [plan, { fingerprint, triggers }] of wanted) {
      if (this.#plans.has(plan)) continue;
      const keepers = triggers.map((trigger) => new TriggerKeeper(trigger, places, this.#parts));
      this.#plans.set(plan, { fingerprint, keepers });
      void (ended.get(plan) ?? Promise.resolve()).then(() => keepers.forEach((keeper) => keeper.start()));
    }
  }

  /** Comes back when the last one has ended, or was ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { keepers } of this.#plans.values()) void this.#end(keepers);
    this.#plans.clear();
    await Promise.all(this.#ending);
  }

  async #end(keepers: readonly TriggerKeeper[]): Promise<void> {
    const ending = Promise.all(keepers.map(async (keeper) => await keeper.stop())).then(() => {
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
    await ending;
  }
}

/** A plan that is switched off does not listen. */
function triggersOf({ plan, spec }: Work['entry']): WatchedTrigger[] {
  if (!spec.enabled) return [];
  return spec.triggers.flatMap((trigger) =>
    trigger.kind === 'extension' ? [{ plan, use: trigger.use, settings: trigger.settings }] : [],
  );
}

/** What the configuration wants to be done again and again, as the agenda knows it. Pure. */
import type { Config, PlanConfig } from '../config/config.ts';
import { planLease } from '../run/lease-keeper.ts';
import type { Lease, PlanEntry } from '../schedule/plan-entry.ts';

/** One thing that is due at times: its entry in the agenda, and the words of the program that does it. */
export type Work = {
  readonly entry: PlanEntry;
  readonly words: readonly string[];
};

export function workOf(config: Config, host: string): ReadonlyMap<string, Work> {
  const found = new Map<string, Work>();
  for (const plan of config.plans.values()) {
    if (isOfHere(plan, host)) found.set(plan.name, planWork(plan, host));
  }
  return found;
}

/** A plan whose every source is on other hosts has no business here. */
function isOfHere({ sources }: PlanConfig, host: string): boolean {
  return sources.some((source) => source.host === undefined || source.host === host);
}

function planWork(plan: PlanConfig, host: string): Work {
  const objectivesMs = plan.sources.flatMap(({ objectives }) => objectives.rpoMs ?? []);
  const copiesNow = plan.copies.filter(({ when }) => when.kind === 'each').map(({ to }) => to);
  const repositories = [plan.to, ...copiesNow].map((repository): Lease => ({ repository, mode: 'shared' }));
  const { name, mode } = planLease(plan.name);
  return {
    words: ['run', plan.name],
    entry: {
      plan: plan.name,
      spec: plan.schedule,
      host,
      leases: [...repositories, { repository: name, mode }],
      priority: plan.priority,
      maxRuntimeMs: plan.maxRuntimeMs,
      retries: plan.retries,
      ...(objectivesMs.length === 0 ? {} : { objectiveMs: Math.min(...objectivesMs) }),
    },
  };
}

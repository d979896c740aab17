/** Looks how plans stand by the clock alone, and writes down whom that concerns. */
import { noteOverdue, wantsOverdue } from '../alert/note-overdue.ts';
import type { Config, PlanConfig } from '../config/config.ts';
import type { Machine } from '../run/run-surroundings.ts';
import { Zones } from '../schedule/zone.ts';
import { readItemFacts } from '../status/read-facts.ts';
import { aliveIn } from '../status/run-alive.ts';
import { copyStandings, nextTurnMs, planStanding } from '../status/standing.ts';
import type { CopyStanding, PlanStanding } from '../status/standing.ts';
import type { Store } from '../store/store.ts';

export type OverdueParts = {
  readonly store: Store;
  readonly machine: Machine;
  readonly nowMs: number;
};

export type OverdueConfig = Pick<Config, 'alerts' | 'plans' | 'sites'>;

export type PlanLook = {
  readonly plan: string;
  readonly isTold: boolean;
  readonly standing: PlanStanding;
  /** By repository. */
  readonly copies: ReadonlyMap<string, CopyStanding>;
  readonly nextMs: number | undefined;
};

/** @param plans of the configuration; nothing is read where no route asks for what would be found */
export async function lookForOverdue(
  { alerts, sites }: Pick<OverdueConfig, 'alerts' | 'sites'>,
  plans: readonly PlanConfig[],
  { store, machine, nowMs }: OverdueParts,
): Promise<PlanLook[]> {
  if (plans.length === 0 || !wantsOverdue(alerts)) return [];
  const { host: here, bootId, isAlive } = machine;
  const doors = { nowMs, here, isAlive: aliveIn(here, { space: bootId, isAlive }) };
  const items = Map.groupBy(
    await readItemFacts({ config: { sites }, plans, zones: new Zones() }, store, doors),
    ({ plan }) => plan,
  );
  const looks: PlanLook[] = [];
  for (const { name: plan } of plans) {
    const own = items.get(plan) ?? [];
    const standing = planStanding(own, nowMs);
    let isTold = standing.kind !== 'unsure' && (await noteOverdue(store, alerts, { plan, family: 'run' }, standing));
    const copies = copyStandings(own, nowMs);
    for (const [repository, copy] of copies) {
      if (copy.kind === 'unsure') continue;
      isTold = (await noteOverdue(store, alerts, { plan, family: 'copy', repository }, copy)) || isTold;
    }
    looks.push({ plan, isTold, standing, copies, nextMs: nextTurnMs(own, nowMs) });
  }
  return looks;
}

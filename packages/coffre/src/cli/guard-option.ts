/** `--guard off`: somebody has looked at the sources, and wants them saved as they are, this once. */
import { noGuards } from '../config/config.ts';
import type { PlanConfig, SourceConfig } from '../config/config.ts';
import type { Configured } from './meant-repositories.ts';
import { parseChoice } from './values.ts';

export type GuardOptions = { readonly guard?: string | undefined };

export const guardFlag = '--guard <on|off>';
export const guardMeaning = 'off: save sources as they are, once, though they are suddenly empty, unmounted or smaller';

/** @throws {CoffreError} USAGE */
export function areGuardsOff({ guard }: GuardOptions): boolean {
  return guard !== undefined && parseChoice(guard, '--guard', ['on', 'off']) === 'off';
}

/** What is stored of the configuration stays whole. @throws {CoffreError} USAGE */
export function withGuards(configured: Configured, options: GuardOptions): Configured {
  if (!areGuardsOff(options)) return configured;
  const bare = (source: SourceConfig): SourceConfig => ({ ...source, guards: noGuards });
  const open = (plan: PlanConfig): PlanConfig => ({ ...plan, guards: noGuards, sources: plan.sources.map(bare) });
  const plans = new Map([...configured.config.plans].map(([name, plan]) => [name, open(plan)] as const));
  return { ...configured, config: { ...configured.config, plans } };
}

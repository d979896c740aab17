/** How triggers and channels of extensions stand, judged from facts alone. */
import type { ChannelFigures } from '../store/letters.ts';
import type { TriggerFacts } from './facts.ts';
import { worstOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';

export type TriggerStanding = TriggerFacts & { readonly level: Level; readonly problems: readonly Problem[] };

export type ChannelStanding = ChannelFigures & {
  readonly level: Level;
  readonly problems: readonly Problem[];
};

/** A channel that is away for a moment is nobody's business. */
const waitingMs = 900_000;

export function triggerStanding(facts: TriggerFacts): TriggerStanding {
  const { failing } = facts;
  const problems: Problem[] =
    failing === undefined
      ? []
      : [{ cause: 'trigger_failed', level: 'warning', sinceMs: failing.sinceMs, detail: failing.problem }];
  return { ...facts, level: worstOf(problems), problems };
}

export function channelStanding(figures: ChannelFigures, nowMs: number): ChannelStanding {
  const { waiting, waitingSinceMs, error, givenUp, givenUpAtMs, givenUpError } = figures;
  const problems: Problem[] = [];
  if (waitingSinceMs !== undefined && nowMs - waitingSinceMs > waitingMs) {
    const detail = error === undefined ? {} : { detail: error };
    problems.push({ cause: 'notices_waiting', level: 'warning', sinceMs: waitingSinceMs, count: waiting, ...detail });
  }
  if (givenUp > 0) {
    const since = givenUpAtMs === undefined ? {} : { sinceMs: givenUpAtMs };
    const detail = givenUpError === undefined ? {} : { detail: givenUpError };
    problems.push({ cause: 'notices_given_up', level: 'warning', count: givenUp, ...since, ...detail });
  }
  return { ...figures, level: worstOf(problems), problems };
}

/** How much of a proof this run owes: that of each run, and that of the day or the week where it is time for it. */
import type { ProofStep, SourceConfig } from '../config/config.ts';
import { listRuns, type Run } from '../store/runs.ts';
import type { RunContext } from './run-context.ts';
import type { RunFigures } from './run-figures.ts';

export type WantedProof = {
  readonly steps: readonly ProofStep[];
  /** Due whether or not something changed. */
  readonly isOwed: boolean;
  /** Left in the row when it passes. */
  readonly figures: RunFigures;
};

const dayMs = 86_400_000;
const cadences = [
  { name: 'daily', periodMs: dayMs, figure: 'provedDaily' },
  { name: 'weekly', periodMs: 7 * dayMs, figure: 'provedWeekly' },
] as const;
/** Runs that are looked at: those of a week, every ten minutes. */
const rowsMax = 1008;

export async function wantedProof(
  { plan, around }: Pick<RunContext, 'plan' | 'around'>,
  source: Pick<SourceConfig, 'name'>,
): Promise<WantedProof> {
  const nowMs = Number(around.source.clock.nowNs() / 1_000_000n);
  const asked = cadences.filter(({ name }) => plan.verify[name].length > 0);
  if (asked.length === 0) return { steps: plan.verify.each, isOwed: false, figures: {} };
  const filter = { plan: plan.name, kind: 'source', source: source.name, sinceMs: nowMs - 7 * dayMs } as const;
  const rows = await listRuns(around.store, filter, rowsMax);
  const due = asked.filter(({ periodMs, figure }) => !rows.some((row) => isRecent(row, figure, nowMs - periodMs)));
  const steps = new Set([...plan.verify.each, ...due.flatMap(({ name }) => plan.verify[name])]);
  return {
    steps: [...steps],
    isOwed: due.length > 0,
    figures: Object.fromEntries(due.map(({ figure }) => [figure, 1])),
  };
}

/** A plan of every night comes a little earlier or later than the night before. */
function isRecent({ figures, startedAtMs, end }: Run, figure: string, sinceMs: number): boolean {
  const isGood = end?.outcome === 'success' || end?.outcome === 'warning';
  return isGood && figures[figure] === 1 && startedAtMs > sinceMs + dayMs / 10;
}

import { CoffreError } from '@coffre/repository';
import type { PlanConfig } from '../config/config.ts';
import { errorOf } from '../run/run-outcome.ts';
import { runPlan } from '../run/run-plan.ts';
import type { RunPurpose } from '../run/run-request.ts';
import type { RunSurroundings } from '../run/run-surroundings.ts';
import { watchDatabases, type WatchedDatabase } from '../source/sqlite/continuous.ts';
import type { RunReport } from './output/run-report.ts';
import { usage } from './values.ts';

/** The SQLite databases of a plan. @throws {CoffreError} USAGE when it has none */
export function watchedIn({ name, sources }: PlanConfig): WatchedDatabase[] {
  const databases = sources.flatMap((source) =>
    source.type === 'sqlite' ? source.paths.map((path) => ({ path, intervalMs: source.continuousMs })) : [],
  );
  if (databases.length > 0) return databases;
  throw usage(`the plan ${name} has no SQLite database`, 'Only they are watched; other sources run by the clock.');
}

/** Runs the plan whenever one of its databases was written, until it is stopped. */
export async function runContinuously(
  around: RunSurroundings,
  plan: PlanConfig,
  purpose: RunPurpose,
  report: RunReport,
): Promise<void> {
  await watchDatabases({
    databases: watchedIn(plan),
    clock: around.source.clock,
    signal: around.signal,
    warn: around.repositories.warn,
    save: async () => {
      const result = await runPlan(around, { plan: plan.name, purpose: { ...purpose, cause: 'change' } });
      report.finish(result, false);
      const error = errorOf(result, plan.name);
      if (error !== undefined && !around.signal.aborted) throw error;
    },
  });
  throw new CoffreError('INTERRUPTED', `the plan ${plan.name} is watched no more`);
}

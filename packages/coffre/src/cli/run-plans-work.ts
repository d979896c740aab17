import { CoffreError } from '@coffre/repository';
import { errorOf } from '../run/run-outcome.ts';
import { runPlan } from '../run/run-plan.ts';
import { parseRunPurpose, runPurposeVariable, type RunPurpose, type RunResult } from '../run/run-request.ts';
import type { PlanConfig, PlanName } from '../config/config.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { areGuardsOff, withGuards } from './guard-option.ts';
import { requireConfigured } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { RunReport } from './output/run-report.ts';
import { withRunSurroundings } from './planned-runs.ts';
import { runByDaemon } from './run-by-daemon.ts';
import { runContinuously, watchedIn } from './run-continuously.ts';
import { showRun } from './run-preview.ts';
import { readsAll } from './backup-type.ts';
import { usage } from './values.ts';

export type RunVerbOptions = {
  readonly config?: string | undefined;
  readonly full?: true | undefined;
  readonly force?: true | undefined;
  readonly type?: string | undefined;
  readonly guard?: string | undefined;
  readonly copy?: string | undefined;
  readonly continuous?: true | undefined;
  readonly foreground?: true | undefined;
  readonly dryRun?: true | undefined;
};

/** All of them run, whatever becomes of one; then the first failure decides the exit code. */
export async function runPlans(cli: Cli, names: readonly string[], options: RunVerbOptions): Promise<void> {
  const configured = withGuards(await requireConfigured(cli, options.config), options);
  const plans = chosenPlans(configured, names);
  const purpose = purposeOf(parseRunPurpose(cli.environment[runPurposeVariable]), options);
  const printer = cli.printer();
  if (options.dryRun === true) {
    for (const plan of plans) showRun(printer, configured.config, plan, purpose);
    return;
  }
  const watched = options.continuous === true ? planToWatch(configured, plans) : undefined;
  using report = new RunReport(printer);
  if (mayBeRunByDaemon(cli, options)) {
    const { folder } = await placeOfState(cli, configured);
    if (await runByDaemon(cli, folder, plans, report)) return;
  }
  const results = await withRunSurroundings(
    cli,
    configured,
    (message) => report.onMessage(message),
    async (around) => {
      if (watched !== undefined) await runContinuously(around, watched, purpose, report);
      const ended: RunResult[] = [];
      for (const plan of plans) {
        if (around.signal.aborted && ended.length > 0) break;
        const result = await runPlan(around, { plan, purpose });
        report.finish(result, plans.length === 1 && errorOf(result, plan) !== undefined);
        ended.push(result);
      }
      return ended;
    },
  );
  for (const result of results) {
    const error = errorOf(result, result.plan);
    if (error !== undefined) throw error;
  }
}

/** The daemon itself starts us with a purpose; it knows of nothing but whole runs. */
function mayBeRunByDaemon({ environment }: Cli, options: RunVerbOptions): boolean {
  const { foreground, copy, continuous } = options;
  const isWhole = !readsAll(options) && !areGuardsOff(options) && copy === undefined;
  const isPlain = isWhole && foreground === undefined && continuous === undefined;
  return isPlain && environment[runPurposeVariable] === undefined && process.send === undefined;
}

/** All names are looked at before the first plan runs. @throws {CoffreError} USAGE, PLAN_UNKNOWN */
function chosenPlans({ config }: Configured, names: readonly string[]): readonly PlanName[] {
  const known = [...config.plans.keys()];
  for (const name of names) {
    // With a `/` it is other work of the daemon.
    if (config.plans.has(name as PlanName) || name.includes('/')) continue;
    throw new CoffreError('PLAN_UNKNOWN', `there is no plan ${JSON.stringify(name)}`, {
      hint: known.length === 0 ? 'The configuration has none.' : `There are ${known.join(', ')}.`,
    });
  }
  if (names.length > 0) return [...new Set(names)] as PlanName[];
  if (known.length === 1) return known;
  throw usage(
    'say which plans to run',
    known.length === 0 ? 'The configuration has none.' : `There are ${known.join(', ')}.`,
  );
}

/** @throws {CoffreError} USAGE */
function planToWatch({ config }: Configured, plans: readonly PlanName[]): PlanConfig {
  const [name, other] = plans;
  const plan = name === undefined ? undefined : config.plans.get(name);
  if (plan === undefined || other !== undefined) throw usage('--continuous needs the name of one plan');
  watchedIn(plan);
  return plan;
}

function purposeOf(given: RunPurpose, options: RunVerbOptions): RunPurpose {
  const { copy } = options;
  return { ...given, ...(readsAll(options) ? { full: true } : {}), ...(copy === undefined ? {} : { copyTo: copy }) };
}

/**
 * One run of one plan: lease, hooks, guards, dump or read, seal, publish, verify, copies, retention. Whatever happens, its
 * row in the history is closed, `finally` hooks ran, and leases and locks are given back.
 */
import { asError, CoffreError } from '@coffre/repository';
import { noteRunEnd } from '../alert/note-run.ts';
import { partNotes } from '../alert/part-notes.ts';
import { keyFilePath, openSigningKey } from '../manifest/signature.ts';
import type { PlanConfig } from '../config/config.ts';
import { Zones } from '../schedule/zone.ts';
import { failureCause } from '../store/failure-cause.ts';
import { countFailure } from '../store/failure-counts.ts';
import type { NewRun } from '../store/runs.ts';
import { startRun } from '../store/runs.ts';
import type { RunId } from '../store/tables.ts';
import { copyTo } from './copy-phase.ts';
import type { HookFacts } from './hooks.ts';
import { LeaseKeeper, planLease } from './lease-keeper.ts';
import { isFailing, retainAt } from './retention-phase.ts';
import { copiesOfRun, enterRepository, hooksOf, repositoryOf, type RunContext } from './run-context.ts';
import type { FigureName, RunFigures } from './run-figures.ts';
import { logPathOf, removeOldLogs, RunLog } from './run-log.ts';
import { verdictOf } from './run-outcome.ts';
import { triggerOf, type PartResult, type RunRequest, type RunResult } from './run-request.ts';
import { RunScribe } from './run-scribe.ts';
import type { RunSurroundings } from './run-surroundings.ts';
import { openWitness } from './witness.ts';
import { passOverForeign, saveSourcesOf } from './save-phase.ts';
import type { WorkingRepository } from './working-repository.ts';

/** Rejects only where no run could begin. @throws {CoffreError} PLAN_UNKNOWN; errors of the state */
export async function runPlan(around: RunSurroundings, request: RunRequest): Promise<RunResult> {
  const plan = planNamed(around, request.plan);
  const { machine, store, tell } = around;
  const { clock } = around.source;
  const { purpose } = request;
  const startedMs = clock.monotonicMs();
  const nowMs = Number(clock.nowNs() / 1_000_000n);
  const early: string[] = [];
  using log = new RunLog(logPathOf(around.stateFolder, plan.name, nowMs, machine.pid), (line) => early.push(line));
  const row: NewRun = {
    plan: plan.name,
    kind: purpose.copyTo === undefined ? 'backup' : 'copy',
    trigger: triggerOf(purpose),
    logPath: log.path,
    host: machine.host,
    pid: machine.pid,
    bootId: machine.bootId,
    ...(purpose.slots === undefined ? {} : { slotAtMs: purpose.slots.lastDueMs }),
  };
  const runId = await startRun(store, { ...row, repository: purpose.copyTo ?? plan.to });
  const scribe = new RunScribe({ store, tell, log, clock });
  scribe.tell({ type: 'started', runId, plan: plan.name, logPath: log.path });
  for (const line of early) scribe.say('warning', line);
  const warnings: string[] = [];
  let failure: Error | undefined;
  try {
    await work({ around, plan, request, runId, row: { ...row, parent: runId }, scribe, warnings });
  } catch (error) {
    failure = asError(error);
  }
  if (scribe.historyLacks) warnings.push('the history of this run could not be written');
  const verdict = verdictOf({ parts: scribe.parts, failure, warnings });
  const { outcome, reason, code, hint } = verdict;
  const figures = { ...sumOf(scribe.parts), attempt: purpose.attempt };
  const snapshots = scribe.parts.flatMap(({ kind, snapshot }) =>
    kind === 'source' && snapshot !== undefined ? [snapshot] : [],
  );
  await scribe.end(runId, { ...verdict, figures, snapshots }, async (rows) => {
    const isTriedAgain = purpose.triesLeft > 0;
    const { kind } = row;
    // Where it came to no source, or only what stands beside them failed, none of them has a good run.
    const isCounted = scribe.parts.some((part) => part.kind === 'source' && part.outcome === 'failed');
    const uncounted = isCounted || purpose.copyTo !== undefined ? [] : plan.sources;
    for (const source of uncounted) await countFailure(rows, { plan: plan.name, source: source.name, outcome, code });
    const note = { plan: plan.name, runId, outcome, reason, code, isTriedAgain };
    const copy = purpose.copyTo === undefined ? {} : { repository: purpose.copyTo };
    await noteRunEnd(rows, around.config.alerts, { ...note, kind, ...copy });
    // What was to be copied alone is told of above.
    const beside = scribe.parts.filter((part) => purpose.copyTo === undefined || part.kind !== 'copy');
    const isRepeated = isTriedAgain && outcome === 'failed';
    for (const part of partNotes({ ...note, isTriedAgain: isRepeated }, beside)) {
      await noteRunEnd(rows, around.config.alerts, part);
    }
  });
  const cause = failureCause(outcome, code);
  scribe.tell({ type: 'ended', outcome, reason, code, cause });
  removeOldLogs(around.stateFolder, nowMs);
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const { parts } = scribe;
  return { runId, plan: plan.name, outcome, reason, code, cause, hint, parts, logPath: log.path, durationMs };
}

function planNamed({ config }: RunSurroundings, name: string): PlanConfig {
  for (const plan of config.plans.values()) if (plan.name === name) return plan;
  const names = [...config.plans.keys()].join(', ');
  throw new CoffreError('PLAN_UNKNOWN', `there is no plan ${JSON.stringify(name)}`, {
    hint: names === '' ? 'The configuration has none yet.' : `There are ${names}.`,
  });
}

type Work = {
  readonly around: RunSurroundings;
  readonly plan: PlanConfig;
  readonly request: RunRequest;
  readonly runId: RunId;
  readonly row: NewRun;
  readonly scribe: RunScribe;
  readonly warnings: string[];
};

async function work({ around, plan, request, runId, row, scribe, warnings }: Work): Promise<void> {
  const { store, machine, stateFolder } = around;
  const overtime = new AbortController();
  const timer = setTimeout(() => overtime.abort(tookTooLong(plan)), plan.maxRuntimeMs);
  try {
    await using leases = new LeaseKeeper({
      store,
      machine,
      sleep: async (delayMs, signal) => await around.source.clock.sleep(delayMs, signal),
      warn: (line) => scribe.say('warning', line),
      waiting: (line) => scribe.say('warning', line),
      signal: AbortSignal.any([around.signal, overtime.signal]),
    });
    const signal = AbortSignal.any([around.signal, overtime.signal, leases.signal]);
    const key = openSigningKey(keyFilePath(stateFolder));
    const witness = openWitness(around, (line) => scribe.say('warning', line));
    const { purpose } = request;
    const context: RunContext = {
      around,
      plan,
      purpose,
      runId,
      row,
      scribe,
      leases,
      key,
      witness,
      warnings,
      signal,
    };
    try {
      scribe.phase('lease');
      await leases.take(planLease(plan.name));
      await (purpose.copyTo === undefined ? backUp(context) : copyOnly(context, purpose.copyTo));
    } catch (error) {
      // What broke because it was stopped is not the reason.
      throw signal.aborted ? signal.reason : error;
    }
  } finally {
    clearTimeout(timer);
  }
}

async function backUp(context: RunContext): Promise<void> {
  const { plan, scribe } = context;
  if ((await passOverForeign(context)) === 0) return;
  await using to = await enterRepository(context, repositoryOf(context, plan.to));
  let failure: Error | undefined;
  try {
    await saveCopyRetain(context, to);
  } catch (error) {
    failure = asError(error);
  }
  const verdict = verdictOf({ parts: scribe.parts, failure, warnings: context.warnings });
  const isGood = verdict.outcome === 'success' || verdict.outcome === 'warning';
  if (verdict.outcome !== 'cancelled' && verdict.outcome !== 'skipped') {
    const { outcome, reason } = verdict;
    const last = await hooksOf(context, plan.hooks, isGood ? 'after' : 'error', {
      outcome: outcome === 'lost' ? 'failed' : outcome,
      reason,
    });
    failure ??= last.failure;
  }
  if (failure !== undefined) throw failure;
}

async function saveCopyRetain(context: RunContext, to: WorkingRepository): Promise<void> {
  const { plan, scribe } = context;
  let finals: Promise<Awaited<ReturnType<typeof hooksOf>>> | undefined;
  const endReading = (failure?: Error): NonNullable<typeof finals> =>
    (finals ??= hooksOf(context, plan.hooks, 'finally', soFar(context, failure)));
  let saved: Awaited<ReturnType<typeof saveSourcesOf>> = [];
  let failure: Error | undefined;
  try {
    const before = await hooksOf(context, plan.hooks, 'before');
    if (before.failure !== undefined) throw before.failure;
    saved = await saveSourcesOf(context, to, () => void endReading());
  } catch (error) {
    failure = asError(error);
  }
  const { failure: unfinished } = await endReading(failure);
  if (failure !== undefined) throw failure;
  const sources = saved.map(({ source }) => source);
  const zones = new Zones();
  for (const copy of copiesOfRun(plan)) await copyTo(context, to, copy, sources, zones);
  if (!isFailing(context)) await retainAt(context, to);
  else if (plan.retention.size > 0) scribe.say('warning', 'the retention waits until the plan works again');
  // Copies are made all the same; what the hook was to undo still stands, and somebody has to know.
  if (unfinished !== undefined) throw unfinished;
}

/** What was read is not proved yet. */
function soFar({ scribe, warnings }: RunContext, failure: Error | undefined): Pick<HookFacts, 'outcome' | 'reason'> {
  const { outcome, reason } = verdictOf({ parts: scribe.parts, failure, warnings });
  if (outcome === 'failed' || outcome === 'cancelled' || outcome === 'warning') return { outcome, reason };
  return { outcome: 'success' };
}

/** @throws {CoffreError} PLAN_UNKNOWN when the plan has no such copy */
async function copyOnly(context: RunContext, target: string): Promise<void> {
  const { plan } = context;
  const copy = plan.copies.find(({ to }) => to === target);
  if (copy === undefined) {
    const targets = plan.copies.map(({ to }) => to).join(', ');
    throw new CoffreError('PLAN_UNKNOWN', `the plan ${plan.name} has no copy to ${JSON.stringify(target)}`, {
      hint: targets === '' ? 'It has none.' : `It copies to ${targets}.`,
    });
  }
  await using from = await enterRepository(context, repositoryOf(context, plan.to));
  await copyTo(context, from, copy, plan.sources, new Zones());
}

function tookTooLong({ name, maxRuntimeMs }: PlanConfig): CoffreError {
  const limit = maxRuntimeMs < 60_000 ? `${maxRuntimeMs / 1000} s` : `${Math.round(maxRuntimeMs / 60_000)} min`;
  return new CoffreError('RUN_OVERTIME', `${name} took longer than its plan allows (${limit})`, {
    hint: 'Raise `max_runtime`, or look at what is slow: the log of the run has the time of each phase.',
  });
}

/** Figures of all parts together; those of copies are another repository's. */
function sumOf(parts: readonly PartResult[]): RunFigures {
  const sums: { [Name in FigureName]?: number } = {};
  for (const { kind, figures } of parts) {
    for (const [name, value] of Object.entries(figures) as [FigureName, number][]) {
      if (kind !== 'source' && !name.endsWith('Ms') && !name.startsWith('snapshots')) continue;
      sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return sums;
}

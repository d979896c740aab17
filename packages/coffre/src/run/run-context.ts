/** What all phases of one run share. */
import type { KeyObject } from 'node:crypto';
import type { Witness } from '../access/audited.ts';
import type { CopyConfig, HookConfig, PlanConfig, RepositoryConfig, RepositoryName } from '../config/config.ts';
import type { NewRun } from '../store/runs.ts';
import type { RunId } from '../store/tables.ts';
import { runHooks, type HookFacts, type HookOutcome } from './hooks.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { RunPurpose } from './run-request.ts';
import type { RunPart, RunScribe } from './run-scribe.ts';
import type { RunSurroundings } from './run-surroundings.ts';
import { openForWork, type WorkingRepository } from './working-repository.ts';

export type RunContext = {
  readonly around: RunSurroundings;
  readonly plan: PlanConfig;
  readonly purpose: RunPurpose;
  readonly runId: RunId;
  /** What rows below the run have in common. */
  readonly row: NewRun;
  readonly scribe: RunScribe;
  readonly leases: LeaseKeeper;
  readonly key: KeyObject;
  readonly witness: Witness;
  /** Sentences that make the run one with a warning. */
  readonly warnings: string[];
  /** Somebody stops it, it takes too long, or a lease is lost. */
  readonly signal: AbortSignal;
};

/** Locks of other programs are waited for so long. */
const lockWaitMs = 30 * 60_000;

export async function enterRepository(
  { around, leases, scribe, signal }: RunContext,
  config: RepositoryConfig,
  lock: 'shared' | 'exclusive' = 'shared',
): Promise<WorkingRepository> {
  scribe.phase('lease', { repository: config.name });
  await leases.take({ name: config.name, mode: lock, ifTaken: 'wait' });
  scribe.phase('open', { repository: config.name });
  return await openForWork(config, around.repositories, { lock, waitMs: lockWaitMs, signal, say: scribe.say });
}

/** Hooks of a plan, a source or a copy, with what they may know. Warnings are kept for the verdict. */
export async function hooksOf(
  { around, plan, runId, scribe, warnings, signal }: RunContext,
  hooks: readonly HookConfig[],
  at: HookConfig['at'],
  facts: Omit<HookFacts, 'plan' | 'run'> = {},
  part?: RunPart,
): Promise<HookOutcome> {
  if (!hooks.some((hook) => hook.at === at)) return { warnings: [], failure: undefined };
  scribe.phase('hooks', {
    ...(facts.source === undefined ? {} : { source: facts.source }),
    ...(facts.repository === undefined ? {} : { repository: facts.repository }),
  });
  const { secrets, doors } = around.repositories;
  const parts = { programs: around.source.programs, secrets, doors, say: scribe.say };
  const work = async (): Promise<HookOutcome> =>
    await runHooks(
      hooks,
      at,
      { plan: plan.name, run: runId, ...facts },
      parts,
      at === 'before' || at === 'after' ? signal : undefined,
    );
  const outcome = part === undefined ? await work() : await part.timed('hooksMs', work);
  warnings.push(...outcome.warnings);
  return outcome;
}

export function repositoryOf({ around }: RunContext, name: RepositoryName): RepositoryConfig {
  // References were checked when the configuration was read.
  return around.config.repositories.get(name)!;
}

/** Copies that every run makes. */
export function copiesOfRun({ copies }: PlanConfig): readonly CopyConfig[] {
  return copies.filter(({ when }) => when.kind === 'each');
}

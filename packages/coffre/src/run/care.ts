/**
 * Daily care of one repository: listing it, reading one random pack back, and the checks and prunes that the configuration
 * asks for. What is found goes into the history, where status looks for it.
 */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { Witness } from '../access/audited.ts';
import type { RepositoryConfig } from '../config/config.ts';
import { Zones } from '../schedule/zone.ts';
import { listRuns, type NewRun } from '../store/runs.ts';
import { listVerifications, recordVerification, type Verification } from '../store/verifications.ts';
import { careTasks, dueCare, wantedCare, type CareHistory, type CareTask } from './care-due.ts';
import { careWork, type CareFinding } from './care-tasks.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { notMaintainedHere } from './retention-phase.ts';
import type { RunFigures } from './run-figures.ts';
import { logPathOf, RunLog } from './run-log.ts';
import { endingOf } from './run-outcome.ts';
import type { PartResult } from './run-request.ts';
import { RunScribe } from './run-scribe.ts';
import type { RunSurroundings } from './run-surroundings.ts';

export type CareWish = {
  /** These, due or not; what is due when undefined. */
  readonly tasks: readonly CareTask[] | undefined;
  readonly witness: Witness;
};

/** In the history care stands as a plan of its own. */
export function careName(repository: string): string {
  return `care/${repository}`;
}

/** Every task is tried; what one finds does not hide the others. */
export async function careFor(
  around: RunSurroundings,
  repository: RepositoryConfig,
  wish: CareWish,
): Promise<readonly PartResult[]> {
  const { store, machine } = around;
  const { clock } = around.source;
  const nowMs = Number(clock.nowNs() / 1_000_000n);
  const tasks = wish.tasks ?? (await tasksDue(around, repository, nowMs));
  if (tasks.length === 0) return [];
  const name = careName(repository.name);
  using log = new RunLog(logPathOf(around.stateFolder, `care-${repository.name}`, nowMs, machine.pid), () => undefined);
  const scribe = new RunScribe({ store, tell: around.tell, log, clock });
  const row: NewRun = {
    plan: name,
    kind: 'check',
    trigger: 'manual',
    logPath: log.path,
    host: machine.host,
    pid: machine.pid,
    bootId: machine.bootId,
  };
  await using leases = new LeaseKeeper({
    store,
    machine,
    sleep: async (delayMs, signal) => await clock.sleep(delayMs, signal),
    warn: (line) => scribe.say('warning', line),
    waiting: (line) => scribe.say('warning', line),
    signal: around.signal,
  });
  const signal = AbortSignal.any([around.signal, leases.signal]);
  for (const task of tasks) {
    signal.throwIfAborted();
    const part = await scribe.startPart(row, task === 'prune' ? 'prune' : 'check', repository.name);
    const mode = task === 'prune' ? 'exclusive' : 'shared';
    try {
      scribe.phase('lease', { repository: repository.name });
      await leases.take({ name: repository.name, mode, ifTaken: 'wait' });
      const found = await careWork(task, { around, repository, signal, scribe, witness: wish.witness });
      for (const finding of found) await remember(around, repository, finding);
      const bad = found.find(({ outcome }) => outcome !== 'good');
      await part.end(
        bad === undefined
          ? { outcome: 'success', reason: found.map(({ words }) => words).join(', '), figures: figuresOf(found) }
          : { outcome: 'failed', reason: bad.words, code: 'REPO_CHECK_FAILED', hint: damageHint },
      );
    } catch (error) {
      await part.end(endingOf(error));
      if (signal.aborted) throw error;
      scribe.say('error', `${repository.name}: ${task}: ${messageOf(error)}`);
      if (task === 'look') await remember(around, repository, unreachable(error));
    } finally {
      await leases.give(repository.name);
    }
  }
  return scribe.parts;
}

function figuresOf(found: readonly CareFinding[]): RunFigures {
  const repositoryBytes = found.find((finding) => finding.repositoryBytes !== undefined)?.repositoryBytes;
  return repositoryBytes === undefined ? {} : { repositoryBytes };
}

const damageHint =
  'Do not remove anything there. `coffre check --read-data` says what is lost, `coffre repair` mends it.';

async function tasksDue(
  around: RunSurroundings,
  repository: RepositoryConfig,
  nowMs: number,
): Promise<readonly CareTask[]> {
  const { store, machine } = around;
  const newest = async (kind: Verification['kind']): Promise<number | undefined> =>
    (await listVerifications(store, { repository: repository.name, kind, outcome: 'good' }, 1))[0]?.atMs;
  const prunes = await listRuns(store, { plan: careName(repository.name), kind: 'prune' }, 20);
  const done: CareHistory = {
    look: await newest('pack'),
    check: await newest('check'),
    read: await newest('check-read'),
    prune: prunes.find(({ end }) => end?.outcome === 'success')?.startedAtMs,
  };
  const mine = mayMaintain(repository, machine.host);
  return dueCare(repository, done, nowMs, new Zones()).filter((task) => task === 'look' || mine(task));
}

/** Checks and prunes belong to one host; append-only storage is checked, and pruned by nobody. */
function mayMaintain(repository: RepositoryConfig, host: string): (task: CareTask) => boolean {
  const { maintainedBy } = repository;
  if (maintainedBy !== undefined && maintainedBy !== host) return () => false;
  return (task) => task !== 'prune' || notMaintainedHere(repository, host) === undefined;
}

/** @throws {CoffreError} USAGE for tasks that there is nothing to go by */
export function parseCareTasks(texts: readonly string[], repository: RepositoryConfig): readonly CareTask[] {
  const wanted = wantedCare(repository);
  return texts.map((text) => {
    const task = careTasks.find((one) => one === text);
    if (task !== undefined && wanted.includes(task)) return task;
    const why = task === undefined ? 'is no task' : `is not configured for ${repository.name}`;
    throw new CoffreError('USAGE', `${JSON.stringify(text)} ${why}`, { hint: `There are ${wanted.join(', ')}.` });
  });
}

function unreachable(error: unknown): CareFinding {
  const detail = isCoffreError(error) ? error.message : messageOf(error);
  return { kind: 'list', outcome: 'unreachable', words: detail };
}

async function remember({ store }: RunSurroundings, { name }: RepositoryConfig, finding: CareFinding): Promise<void> {
  const { kind, outcome, words, subject } = finding;
  if (kind === undefined) return;
  await recordVerification(store, {
    repository: name,
    kind,
    outcome,
    detail: words,
    ...(subject === undefined ? {} : { subject }),
  });
}

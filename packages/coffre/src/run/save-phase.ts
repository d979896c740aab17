/** The sources of a plan, one after the other; each is proved while the next one is read. */
import { isCoffreError, zeroCounters, type BlobId, type StoredSnapshot } from '@coffre/repository';
import type { SourceConfig } from '../config/config.ts';
import type { SaveStage } from '../source-run/save-sources.ts';
import { isReadBack } from '../store/verified-snapshots.ts';
import { hooksOf, type RunContext } from './run-context.ts';
import { endingOf } from './run-outcome.ts';
import type { RunPart } from './run-scribe.ts';
import { wantedProof } from './proof-wanted.ts';
import { shortName } from './source-spec.ts';
import { describeSaved, saveSource, type SavedSnapshot } from './save-source.ts';
import type { RunFigures } from './run-figures.ts';
import { foreseeRestore } from './restore-figures.ts';
import { sourceSpecsOf } from './source-spec.ts';
import { proofFigures, verifySaved } from './verify-saved.ts';
import type { WorkingRepository } from './working-repository.ts';

/** A source of which a good snapshot is there. */
export type SavedPart = { readonly source: SourceConfig; readonly stored: StoredSnapshot };

const progressEveryMs = 500;

/** @param readingEnded called once, as soon as no source is read any more */
export async function saveSourcesOf(
  context: RunContext,
  to: WorkingRepository,
  readingEnded: () => void,
): Promise<readonly SavedPart[]> {
  const { plan, signal } = context;
  const here = plan.sources.filter((source) => isHere(context, source));
  const proofs: Promise<SavedPart | undefined>[] = [];
  try {
    for (const [index, source] of here.entries()) {
      signal.throwIfAborted();
      const ended = index === here.length - 1 ? readingEnded : () => undefined;
      const { proof } = await saveOne(context, to, source, ended);
      proofs.push(proof);
      // It is looked at when all sources are read; until then it is not a stray rejection.
      proof.catch(() => undefined);
    }
  } finally {
    await Promise.allSettled(proofs);
  }
  return (await Promise.all(proofs)).filter((saved) => saved !== undefined);
}

function isHere({ around }: Pick<RunContext, 'around'>, { host }: Pick<SourceConfig, 'host'>): boolean {
  return host === undefined || host === around.machine.host;
}

/** Rows that say why the sources of other hosts are not saved. @returns how many sources are left */
export async function passOverForeign(context: RunContext): Promise<number> {
  const { scribe, row, plan, around, warnings } = context;
  const foreign = plan.sources.filter((source) => !isHere(context, source));
  for (const { name, host } of foreign) {
    const reason = `${name} is on ${host}, and this is ${around.machine.host}: no agent`;
    scribe.say('warning', reason);
    warnings.push(reason);
    const part = await scribe.startPart(row, 'source', plan.to, name);
    await part.end({ outcome: 'skipped', reason, code: 'SOURCE_NOT_HERE' });
  }
  return plan.sources.length - foreign.length;
}

/** Boxed, because a promise of a promise is only one. Never rejects but when the run is stopped. */
type Proving = { readonly proof: Promise<SavedPart | undefined> };

async function saveOne(
  context: RunContext,
  to: WorkingRepository,
  source: SourceConfig,
  readingEnded: () => void,
): Promise<Proving> {
  const { scribe, row, plan, signal } = context;
  const part = await scribe.startPart(row, 'source', plan.to, source.name);
  const facts = { source: source.name };
  try {
    const before = await hooksOf(context, source.hooks, 'before', facts, part);
    let saved: SavedSnapshot;
    try {
      if (before.failure !== undefined) throw before.failure;
      saved = await readSource(context, to, source, part, readingEnded);
    } catch (error) {
      const { outcome, reason } = endingAt(source, error);
      await hooksOf(context, source.hooks, 'finally', { ...facts, outcome, reason }, part);
      throw error;
    }
    const outcome = saved.lacks.length === 0 ? 'success' : 'warning';
    const known = { ...facts, outcome, snapshot: saved.stored?.id } as const;
    const finals = await hooksOf(context, source.hooks, 'finally', known, part);
    const after = await hooksOf(context, source.hooks, 'after', known, part);
    const failure = finals.failure ?? after.failure;
    if (failure !== undefined) context.warnings.push(failure.message);
    return { proof: prove(context, to, { source, saved, part }) };
  } catch (error) {
    await endFailed(context, source, part, error);
    if (signal.aborted || to.signal.aborted) throw error;
    return { proof: Promise.resolve(undefined) };
  }
}

/** Kinds of sources begin their sentences with the name, which stands before them here anyway. */
function endingAt(source: SourceConfig, error: unknown): ReturnType<typeof endingOf> {
  const ending = endingOf(error);
  const lead = `${shortName(source)}: `;
  return ending.reason.startsWith(lead) ? { ...ending, reason: ending.reason.slice(lead.length) } : ending;
}

async function endFailed(context: RunContext, source: SourceConfig, part: RunPart, error: unknown): Promise<void> {
  const ending = endingAt(source, error);
  const { outcome, reason } = ending;
  context.scribe.say('error', `${source.name}: ${reason}`);
  if (outcome === 'failed') {
    await hooksOf(context, source.hooks, 'error', { source: source.name, outcome, reason }, part);
  }
  await part.end(ending);
}

async function readSource(
  context: RunContext,
  to: WorkingRepository,
  source: SourceConfig,
  part: RunPart,
  readingEnded: () => void,
): Promise<SavedSnapshot> {
  const { scribe } = context;
  const counters = zeroCounters();
  let bytesTotal: number | undefined;
  let current: SaveStage | undefined;
  let sinceMs = scribe.monotonicMs;
  const leave = (): void => {
    if (current !== undefined) part.spend(`${current}Ms`, scribe.monotonicMs - sinceMs);
    sinceMs = scribe.monotonicMs;
  };
  const stage = (next: SaveStage, sizeBytes?: number): void => {
    leave();
    current = next;
    scribe.phase(next, { source: source.name });
    if (next === 'read') bytesTotal = sizeBytes;
    if (next === 'publish') readingEnded();
  };
  const progress = (): void => {
    if (current !== 'read') return;
    const { bytesDone, filesNew, filesChanged, filesUnmodified } = counters;
    const total = bytesTotal === undefined ? undefined : Math.max(bytesTotal, bytesDone);
    const filesDone = filesNew + filesChanged + filesUnmodified;
    scribe.progress({ bytesDone, bytesTotal: total, filesDone, filesTotal: undefined });
  };
  const timer = setInterval(progress, progressEveryMs);
  try {
    const { around, plan, purpose, runId, key } = context;
    const signal = AbortSignal.any([context.signal, to.signal]);
    const parts = { around, to, plan, purpose, runId, key, counters, stage, say: scribe.say, signal };
    const saved = await saveSource(source, parts);
    scribe.say('info', `${source.name}: ${describeSaved(saved)}`);
    return saved;
  } finally {
    clearInterval(timer);
    leave();
  }
}

/** Root of the snapshot before, where the history says that its content was read back and found good. */
async function provedParent(
  { around, plan, signal }: RunContext,
  to: WorkingRepository,
  source: SourceConfig,
  { snapshot: { parent } }: StoredSnapshot,
): Promise<BlobId | undefined> {
  if (parent === undefined) return undefined;
  const track = { repository: to.name, plan: plan.name, source: source.name };
  if (!(await isReadBack(around.store, track, parent))) return undefined;
  try {
    return (await to.repository.loadSnapshot(parent)).tree;
  } catch (error) {
    if (signal.aborted || !isCoffreError(error)) throw error;
    return undefined;
  }
}

type Provable = { readonly source: SourceConfig; readonly saved: SavedSnapshot; readonly part: RunPart };

/** Ends the row of the source, whatever comes of it. */
async function prove(
  context: RunContext,
  to: WorkingRepository,
  { source, saved, part }: Provable,
): Promise<SavedPart | undefined> {
  const { scribe, around } = context;
  const { stored, lacks, isUnchanged } = saved;
  const snapshots = stored === undefined ? [] : [stored.id];
  try {
    const wanted = await wantedProof(context, source);
    const steps = isUnchanged && !wanted.isOwed ? [] : wanted.steps;
    let proved: RunFigures = {};
    if (stored !== undefined && steps.length > 0) {
      scribe.phase('verify', { source: source.name });
      const signal = AbortSignal.any([context.signal, to.signal]);
      const surroundings = { ...around.source, signal, warn: (line: string) => scribe.say('warning', line) };
      const startedMs = scribe.monotonicMs;
      const { secrets, doors } = around.repositories;
      const specParts = { plan: context.plan, secrets, doors, files: surroundings.files };
      const specs = await sourceSpecsOf(source, specParts);
      const provedTree = saved.figures.readFull === 1 ? undefined : await provedParent(context, to, source, stored);
      const proof = await part.timed('verifyMs', async () =>
        verifySaved(to.indexed, stored, steps, surroundings, { specs, provedTree }),
      );
      proved = { ...proofFigures(proof, scribe.monotonicMs - startedMs), ...wanted.figures };
      const said = [...proof.passed, ...proof.proved];
      if (said.length > 0) scribe.say('info', `${source.name}: proved ${said.join(', ')}`);
    }
    const own = { ...saved.figures, ...proved };
    const track = { plan: context.plan.name, source: source.name, repository: context.plan.to };
    const figures = { ...own, ...(await foreseeRestore(around.store, track, saved.views, own)) };
    const reason = lacks.length > 0 ? lacks.join(', ') : isUnchanged ? 'nothing had changed' : saved.warnings[0];
    const code = lacks.length > 0 ? ('SOURCE_INCOMPLETE' as const) : undefined;
    await part.end({ outcome: lacks.length > 0 ? 'warning' : 'success', reason, code, figures, snapshots });
    scribe.tell({ type: 'saved', source: source.name, repository: to.name, snapshot: saved.id, figures });
    return stored === undefined ? undefined : { source, stored };
  } catch (error) {
    const ending = endingAt(source, error);
    const { outcome, reason } = ending;
    scribe.say('error', `${source.name}: ${reason}`);
    if (outcome === 'failed') {
      await hooksOf(context, source.hooks, 'error', { source: source.name, outcome, reason }, part);
    }
    await part.end({ ...ending, figures: saved.figures, snapshots });
    if (context.signal.aborted) throw error;
    return undefined;
  }
}

/** Further repositories of a plan. What goes wrong here is the failure of a copy, never of the backup. */
import { asError } from '@coffre/repository';
import type { CopyConfig, SourceConfig } from '../config/config.ts';
import { openingAt } from '../schedule/window.ts';
import type { Zones } from '../schedule/zone.ts';
import { copySource } from './copy-source.ts';
import { isFailing, retainAt } from './retention-phase.ts';
import { enterRepository, hooksOf, repositoryOf, type RunContext } from './run-context.ts';
import { endingOf } from './run-outcome.ts';
import type { WorkingRepository } from './working-repository.ts';

export async function copyTo(
  context: RunContext,
  from: WorkingRepository,
  copy: CopyConfig,
  sources: readonly SourceConfig[],
  zones: Zones,
): Promise<void> {
  const { scribe, row, leases, around, plan } = context;
  const target = repositoryOf(context, copy.to);
  const nowMs = Number(around.source.clock.nowNs() / 1_000_000n);
  if (sources.length === 0) return;
  if (openingAt(target.limits.windows, nowMs, zones).opensMs > nowMs) {
    const reason = `outside the hours of ${copy.to} (${target.limits.windows.map(({ text }) => text).join(', ')})`;
    scribe.say('info', `${copy.to}: nothing is copied ${reason}`);
    for (const source of sources) {
      const part = await scribe.startPart(row, 'copy', copy.to, source.name);
      await part.end({ outcome: 'skipped', reason });
    }
    return;
  }
  const left = new Set(sources);
  try {
    await using to = await enterRepository(context, target);
    await withCopyHooks(context, copy, async () => {
      let failure: Error | undefined;
      for (const source of sources) {
        left.delete(source);
        const why = await copyOne(context, { from, to }, source);
        failure ??= why;
      }
      return failure;
    });
    if (!isFailing(context)) await retainAt(context, to);
  } catch (error) {
    const ending = endingOf(error);
    if (left.size > 0) scribe.say('error', `copy to ${copy.to}: ${ending.reason}`);
    for (const source of left) await (await scribe.startPart(row, 'copy', copy.to, source.name)).end(ending);
    if (context.signal.aborted || from.signal.aborted) throw error;
    context.warnings.push(`copy to ${copy.to}: ${ending.reason}`);
    if (plan.retention.has(copy.to)) scribe.say('warning', `${copy.to}: the retention waits until copies work again`);
  } finally {
    await leases.give(copy.to);
  }
}

async function withCopyHooks(
  context: RunContext,
  { to, hooks }: CopyConfig,
  work: () => Promise<Error | undefined>,
): Promise<void> {
  const facts = { repository: to };
  let failure: Error | undefined = (await hooksOf(context, hooks, 'before', facts)).failure;
  try {
    failure ??= await work();
  } catch (error) {
    failure = asError(error);
  }
  const known =
    failure === undefined ? ({ ...facts, outcome: 'success' } as const) : { ...facts, ...endingOf(failure) };
  const finals = await hooksOf(context, hooks, 'finally', known);
  const last = await hooksOf(context, hooks, failure === undefined ? 'after' : 'error', known);
  for (const { failure: broken } of [finals, last]) if (broken !== undefined) context.warnings.push(broken.message);
  if (failure !== undefined) throw failure;
}

type Sides = { readonly from: WorkingRepository; readonly to: WorkingRepository };

/** @returns why it failed */
async function copyOne(context: RunContext, { from, to }: Sides, source: SourceConfig): Promise<Error | undefined> {
  const { scribe, plan, row, signal } = context;
  const part = await scribe.startPart(row, 'copy', to.name, source.name);
  scribe.phase('copy', { source: source.name, repository: to.name });
  try {
    const of = { plan: plan.name, source: source.name };
    const progress: Parameters<typeof copySource>[0]['progress'] = (figures) => scribe.progress(figures);
    const work = async (): ReturnType<typeof copySource> =>
      await copySource({ from, to, of, say: scribe.say, progress, signal });
    const { copies, figures } = await part.timed('copyMs', work);
    await part.end({ outcome: 'success', figures, snapshots: copies });
    return undefined;
  } catch (error) {
    const ending = endingOf(error);
    await part.end(ending);
    if (signal.aborted || from.signal.aborted || to.signal.aborted) throw error;
    scribe.say('error', `${source.name}: copy to ${to.name}: ${ending.reason}`);
    return asError(error);
  }
}

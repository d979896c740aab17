/** Retention in one repository, after its backup or copy went well; a plan that fails removes nothing. */
import type { RepositoryConfig } from '../config/config.ts';
import { retainSources } from './retain-source.ts';
import type { RunContext } from './run-context.ts';
import { endingOf } from './run-outcome.ts';
import type { WorkingRepository } from './working-repository.ts';

/** Why nothing is removed there by this machine; undefined when it is its task. */
export function notMaintainedHere(
  { appendOnly, maintainedBy }: Pick<RepositoryConfig, 'appendOnly' | 'maintainedBy'>,
  host: string,
): string | undefined {
  if (maintainedBy !== undefined && maintainedBy !== host) return `${maintainedBy} does it`;
  return appendOnly && maintainedBy === undefined ? 'it is append-only' : undefined;
}

/** A source of it was not saved: what it has is all there is. */
export function isFailing({ scribe }: RunContext): boolean {
  return scribe.parts.some(({ kind, outcome }) => kind === 'source' && outcome === 'failed');
}

export async function retainAt(context: RunContext, at: WorkingRepository): Promise<void> {
  const { plan, scribe, row, around, witness, signal } = context;
  const rule = plan.retention.get(at.name);
  if (rule === undefined || notMaintainedHere(at.config, around.machine.host) !== undefined) return;
  scribe.phase('retention', { repository: at.name });
  const part = await scribe.startPart(row, 'retention', at.name);
  try {
    const { extensions } = around.source;
    const sources = plan.sources.map(({ name }) => name);
    const parts = { at, plan, sources, rule, witness, store: around.store, extensions, say: scribe.say, signal };
    const figures = await part.timed('retentionMs', async () => await retainSources(parts));
    await part.end({ outcome: 'success', figures });
  } catch (error) {
    const ending = endingOf(error);
    scribe.say('error', `retention at ${at.name}: ${ending.reason}`);
    await part.end(ending);
    if (signal.aborted || at.signal.aborted) throw error;
  }
}

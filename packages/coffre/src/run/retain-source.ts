/** What may go of one source of one plan in one repository, and its removal, on record. */
import { CoffreError, describePolicy, messageOf, shortId } from '@coffre/repository';
import { recordAct, type Witness } from '../access/audited.ts';
import type { PlanConfig, RetentionConfig, SourceName } from '../config/config.ts';
import { extensionFor, type ExtensionPlaces } from '../extension/load.ts';
import { chooseRetention } from '../named/retention-choice.ts';
import { strategyChoice } from '../named/strategy-choice.ts';
import { factsOf } from '../named/tags.ts';
import { forgetName } from '../store/named-backups.ts';
import type { Store } from '../store/store.ts';
import { isComplete } from './last-backup.ts';
import type { RunFigures } from './run-figures.ts';
import type { LineLevel } from './run-message.ts';
import type { WorkingRepository } from './working-repository.ts';

export type RetainParts = {
  /** Locked beside others: a backup loses nothing by it, and a prune holds the repository alone. */
  readonly at: WorkingRepository;
  readonly plan: PlanConfig;
  readonly sources: readonly SourceName[];
  readonly rule: RetentionConfig;
  readonly witness: Witness;
  readonly store: Store;
  readonly extensions: ExtensionPlaces | undefined;
  readonly say: (level: LineLevel, text: string) => void;
  readonly signal: AbortSignal;
};

/** @throws {CoffreError} SNAPSHOT_NOT_REMOVED; storage errors */
export async function retainSources(parts: RetainParts): Promise<RunFigures> {
  const { at, plan, rule, sources, signal } = parts;
  at.repository.backend.refuseShrunkenLists?.();
  const snapshots = await at.repository.listSnapshots();
  const nowNs = at.repository.host.clock.nowNs();
  const strategy =
    rule.strategy === undefined ? undefined : await extensionFor(parts.extensions, 'retention', rule.strategy);
  const choices = await Promise.all(
    sources.map(async (source) => {
      const question = { snapshots, plan: plan.name, source, automatic: rule, nowNs, isComplete };
      return strategy === undefined ? chooseRetention(question) : await strategyChoice(question, strategy);
    }),
  );
  const remove = choices.flatMap((choice) => choice.remove);
  const figures = {
    snapshotsKept: choices.reduce((sum, { keep }) => sum + keep.length, 0),
    snapshotsRemoved: remove.length,
  };
  if (remove.length === 0) return figures;
  const shown = {
    plan: plan.name,
    rule: rule.strategy === undefined ? describePolicy(rule.policy) : `strategy ${rule.strategy}`,
    floor: rule.floor,
    remove: remove.map(({ id }) => id),
  };
  await recordAct(
    parts.witness,
    { repository: at.repository.config.id, name: at.name },
    {
      action: 'forget',
      shown,
      done: (removed) => ({ removed }),
      work: async () => {
        let removed = 0;
        for (const { id, snapshot } of remove) {
          signal.throwIfAborted();
          try {
            await at.repository.remove('snapshots', id);
          } catch (error) {
            throw new CoffreError(
              'SNAPSHOT_NOT_REMOVED',
              `snapshot ${shortId(id)} could not be removed: ${messageOf(error)}`,
              {
                hint: 'It stays, and so do those after it. Look at the permissions of the storage.',
                cause: error,
              },
            );
          }
          removed += 1;
          const { name } = factsOf(snapshot);
          if (name !== undefined) await forgetName(parts.store, at.name, name);
        }
        return removed;
      },
    },
  );
  parts.say('info', `${at.name}: removed ${remove.length} snapshots that the retention does not keep`);
  return figures;
}

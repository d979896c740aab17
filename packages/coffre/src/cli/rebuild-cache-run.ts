import { isCoffreError, messageOf, newestFirst } from '@coffre/repository';
import type { CoffreError, StoredSnapshot } from '@coffre/repository';
import { openState } from '../access/state.ts';
import type { Config, PlanName } from '../config/config.ts';
import { planPath } from '../manifest/manifest.ts';
import { readFile } from '../manifest/saved-files.ts';
import { backupsOf } from '../named/backups.ts';
import { parsePlanState } from '../run/plan-state.ts';
import { readAppliedConfig, writeAppliedConfig } from '../store/applied-config.ts';
import { rebuiltRepository } from '../named/rebuild.ts';
import type { RebuiltRepository } from '../named/rebuild.ts';
import { factsOf } from '../named/tags.ts';
import { listNamedBackups } from '../store/named-backups.ts';
import { knownSnapshots, recordPastName, recordPastRun } from '../store/rebuilding.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { MeantRepository } from './meant-repositories.ts';
import { usage } from './values.ts';

export type RebuildOptions = { readonly config?: string | undefined; readonly from?: readonly string[] | undefined };

type Rebuilt = {
  readonly repository: string;
  readonly snapshots: number;
  readonly runs: number;
  readonly names: number;
};

/** Adds what is missing and changes nothing that is there, so it can be run at any time. */
export async function runRebuildCache(cli: Cli, options: RebuildOptions): Promise<void> {
  const printer = cli.printer();
  const meant = await meantRepositories(cli, options);
  const { configured } = meant;
  if (configured === undefined || cli.globals().repo !== undefined) {
    throw usage(
      'rebuild-cache needs the configuration, where repositories have names',
      'Leave --repo and RESTIC_REPOSITORY out, and choose with --from.',
    );
  }
  const place = await placeOfState(cli, configured);
  await using state = await openState(place, (sentence) => printer.error(sentence));
  const done: Rebuilt[] = [];
  let applied = await readAppliedConfig(state);
  let first: CoffreError | undefined;
  for (const repository of meant.repositories) {
    try {
      const { snapshots, configuration } = await contentsOf(repository, applied === undefined, cli.signal);
      if (configuration !== undefined && applied === undefined) {
        await writeAppliedConfig(state, configuration, 'rebuild-cache');
        applied = await readAppliedConfig(state);
        printer.normal(
          `${repository.name}: the configuration of the newest backup is taken for the one that was applied`,
        );
      }
      const rebuilt = rebuiltRepository({
        name: repository.name,
        backups: backupsOf(snapshots, meant.zone),
        isHome: (plan) => isHome(configured.config, plan, repository.name),
        known: await knownSnapshots(state, repository.name),
        knownNames: new Set((await listNamedBackups(state, repository.name)).map(({ name }) => name)),
      });
      await write(state, rebuilt);
      done.push({
        repository: repository.name,
        snapshots: snapshots.length,
        runs: rebuilt.runs.length,
        names: rebuilt.names.length,
      });
      printer.normal(
        `${repository.name}: ${snapshots.length} snapshots; ${countText(rebuilt.runs.length, 'backup')} and ${countText(rebuilt.names.length, 'name')} added to the history`,
      );
    } catch (error) {
      if (!isCoffreError(error) || cli.signal.aborted) throw error;
      first ??= error;
      printer.error(`Warning: ${repository.name} is left out: ${messageOf(error)}`);
    }
  }
  if (printer.json) printer.message({ schema: 'coffre.rebuild-cache/1', repositories: done });
  if (first !== undefined) throw first;
}

type Contents = {
  readonly snapshots: StoredSnapshot[];
  /** As the newest backup has it. */
  readonly configuration: Record<string, unknown> | undefined;
};

async function contentsOf(repository: MeantRepository, wantsConfig: boolean, signal: AbortSignal): Promise<Contents> {
  await using session = await repository.open('read');
  const snapshots = await session.repository.listSnapshots();
  const newest = newestFirst(snapshots).find(({ snapshot }) => factsOf(snapshot).plan !== undefined);
  if (!wantsConfig || newest === undefined) return { snapshots, configuration: undefined };
  try {
    const indexed = await session.repository.loadIndex();
    const parts: Uint8Array[] = [];
    for await (const part of readFile(indexed, newest.snapshot.tree, planPath, signal)) parts.push(part);
    return { snapshots, configuration: parsePlanState(Buffer.concat(parts)).configuration };
  } catch (error) {
    // Made by hand, or by a version that did not keep it.
    if (!isCoffreError(error) || signal.aborted) throw error;
    return { snapshots, configuration: undefined };
  }
}

/** A plan that is no longer configured is taken to have saved wherever its snapshots are. */
function isHome({ plans }: Config, plan: string, repository: string): boolean {
  const config = plans.get(plan as PlanName);
  return config === undefined || config.to === repository;
}

/** All of a repository or nothing of it. */
async function write(state: Store, { runs, names }: RebuiltRepository): Promise<void> {
  await state.transaction(async (rows) => {
    for (const { whole, parts } of runs) {
      const parent = whole === undefined ? undefined : await recordPastRun(rows, whole);
      for (const part of parts) {
        const run = parent === undefined ? part.run : { ...part.run, parent };
        await recordPastRun(rows, { ...part, run });
      }
    }
    for (const { createdMs, ...backup } of names) await recordPastName(rows, backup, createdMs);
  });
}

function countText(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

import { CoffreError, shortId } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import type { Config, PlanName, RepositoryName } from '../config/config.ts';
import { factsOf } from '../named/tags.ts';
import { audited } from './audited.ts';
import { changingBackup, findBackups } from './backup-found.ts';
import type { FoundBackup } from './backup-found.ts';
import { confirmStep } from './backup-named.ts';
import type { Cli } from './cli.ts';
import { configuredState, placeOfState } from './configured-state.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { Meant, MeantOptions } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatBytes } from './output/format.ts';

export type DeleteOptions = MeantOptions & {
  readonly confirm?: true | undefined;
  readonly dryRun?: true | undefined;
};

export async function deleteNamed(cli: Cli, name: string, options: DeleteOptions): Promise<void> {
  const meant = await meantRepositories(cli, options);
  const printer = cli.printer();
  const found = await findBackups(meant, name);
  for (const { backup, repository } of found) {
    if (backup.snapshots.some(({ snapshot }) => factsOf(snapshot).isPinned)) throw pinned(name, repository.name);
    const size = backup.sizeBytes === undefined ? '' : `, ${formatBytes(backup.sizeBytes)} as saved`;
    const ids = backup.snapshots.map(({ id }) => shortId(id)).join(', ');
    printer.normal(`removes ${quoteName(name)} from ${quoteName(repository.name)}: ${ids}${size}`);
  }
  if (options.dryRun !== true) {
    await confirmStep(
      cli,
      `Remove it from ${found.map((one) => one.repository.name).join(' and ')}?`,
      options.confirm === true,
    );
    for (const one of found) await removeFrom(cli, meant, one);
  }
  if (printer.json) {
    const repositories = found.map(({ backup, repository }) => ({
      repository: repository.name,
      snapshots: backup.snapshots.map(({ id }) => id),
    }));
    printer.message({ schema: 'coffre.backup-delete/1', name, dry_run: options.dryRun === true, repositories });
  } else if (options.dryRun !== true) {
    printer.normal(`${quoteName(name)} is removed; \`coffre prune\` frees the room`);
  }
}

function pinned(name: string, repository: string): CoffreError {
  return new CoffreError('BACKUP_PINNED', `${JSON.stringify(name)} in ${repository} is pinned`, {
    hint: `If it shall go all the same: coffre backup unpin ${name}`,
  });
}

async function removeFrom(cli: Cli, meant: Meant, found: FoundBackup): Promise<void> {
  const { repository, backup } = found;
  await changingBackup(cli, found, meant, async (session, { snapshots, isPinned }) => {
    if (isPinned) throw pinned(backup.name, repository.name);
    const { config } = meant.configured ?? {};
    if (config !== undefined) {
      refuseBelowFloor(config, repository.name, await session.repository.listSnapshots(), snapshots);
    }
    const ids = snapshots.map(({ id }) => id);
    await audited(
      {
        cli,
        repository: session.repository,
        printer: session.printer,
        state: await placeOfState(cli, meant.configured),
      },
      {
        action: 'backup delete',
        shown: { name: backup.name, remove: ids },
        work: async () => {
          for (const id of ids) {
            session.signal.throwIfAborted();
            await session.repository.remove('snapshots', id);
          }
          return ids.length;
        },
        done: (removed) => ({ removed }),
      },
    );
  });
  await using state = await configuredState(cli, meant.configured);
  if (state === undefined) return;
  const { forgetName } = await import('../store/named-backups.ts');
  await forgetName(state, repository.name, backup.name);
}

/** Automatic ones only; manual ones count for no floor when a person removes them. @throws {CoffreError} POLICY_FLOOR */
function refuseBelowFloor(
  { plans }: Config,
  repository: string,
  all: readonly StoredSnapshot[],
  going: readonly StoredSnapshot[],
): void {
  for (const { snapshot } of going) {
    const { kind, plan, source } = factsOf(snapshot);
    const floor = plans.get(plan as PlanName)?.retention.get(repository as RepositoryName)?.floor ?? 0;
    if (kind !== 'auto') continue;
    const left = all.filter((one) => {
      const facts = factsOf(one.snapshot);
      const isSame = facts.plan === plan && facts.source === source && facts.kind === 'auto' && !facts.isPinned;
      return isSame && !going.some(({ id }) => id === one.id);
    }).length;
    if (left >= floor) continue;
    throw new CoffreError(
      'POLICY_FLOOR',
      `that leaves ${left} automatic backups of ${source} in ${repository}, fewer than the floor of ${floor}`,
      { hint: 'Remove single snapshots by id with `coffre forget` if you mean it.' },
    );
  }
}

import { CoffreError, tagSnapshots } from '@coffre/repository';
import { pinnedTag } from '../named/tags.ts';
import { changingBackup, findBackups } from './backup-found.ts';
import type { FoundBackup } from './backup-found.ts';
import type { Cli } from './cli.ts';
import { configuredState, placeOfState } from './configured-state.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { Meant, MeantOptions } from './meant-repositories.ts';
import { audited } from './audited.ts';
import { quoteName } from './output/display.ts';

export type PinOptions = MeantOptions & { readonly isPinned: boolean };

export async function pinNamed(cli: Cli, name: string, options: PinOptions): Promise<void> {
  const meant = await meantRepositories(cli, options);
  const printer = cli.printer();
  const changed: { readonly repository: string; readonly snapshots: number }[] = [];
  for (const found of await findBackups(meant, name)) {
    const snapshots = await pinIn(cli, meant, found, options.isPinned);
    changed.push({ repository: found.repository.name, snapshots });
    const state = options.isPinned ? 'pinned and never expires' : 'no longer pinned';
    const before = snapshots === 0 ? ' already' : '';
    printer.normal(`${quoteName(name)} in ${quoteName(found.repository.name)} is${before} ${state}`);
  }
  if (printer.json) {
    printer.message({ schema: 'coffre.backup-pin/1', name, pinned: options.isPinned, repositories: changed });
  }
}

async function pinIn(cli: Cli, meant: Meant, found: FoundBackup, isPinned: boolean): Promise<number> {
  const { backup, repository } = found;
  if (backup.isPinned === isPinned && isPinned) return 0;
  const change = isPinned
    ? ({ kind: 'change', add: [pinnedTag], remove: [] } as const)
    : ({ kind: 'change', add: [], remove: [pinnedTag] } as const);
  const changed = await changingBackup(cli, found, meant, async (session, { snapshots }) => {
    const work = async (): Promise<number> =>
      await tagSnapshots(session.repository, snapshots, change, (event) => {
        session.signal.throwIfAborted();
        if (event.kind !== 'failed') return;
        throw new CoffreError('BACKEND_IO', `${event.id.slice(0, 8)} in ${repository.name} keeps its tags`, {
          hint: 'Nothing is lost; run the same command again.',
          cause: event.error,
        });
      });
    // To let it expire is what may cost a backup; to pin it costs nothing.
    if (isPinned) return await work();
    return await audited(
      {
        cli,
        repository: session.repository,
        printer: session.printer,
        state: await placeOfState(cli, meant.configured),
      },
      {
        action: 'backup unpin',
        shown: { name: backup.name, snapshots: snapshots.map(({ id }) => id) },
        work,
        done: (count) => ({ changed: count }),
      },
    );
  });
  await using state = await configuredState(cli, meant.configured);
  if (state !== undefined) {
    const { pinBackup } = await import('../store/named-backups.ts');
    await pinBackup(state, repository.name, backup.name, isPinned);
  }
  return changed;
}

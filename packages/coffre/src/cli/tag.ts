import { messageOf, parseTagList, tagSnapshots } from '@coffre/repository';
import type { TagChange, TagEvent } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { collect, usage } from './values.ts';

export function defineTag(command: Command, cli: Cli): void {
  addSnapshotFilter(
    command.argument('[snapshot...]', 'ids, their beginnings, or latest; all that pass the filter when none is given'),
  )
    .option('--add <tag,…>', 'add these tags (repeatable)', collect)
    .option('--remove <tag,…>', 'take these tags away (repeatable)', collect)
    .option('--set <tag,…>', "replace all tags; '' for none (repeatable)", collect)
    .action(async (names, options) => {
      const { add = [], remove = [], set = [] } = options;
      if (add.length + remove.length + set.length === 0) throw usage('nothing to do!', 'Use --add, --remove or --set.');
      if (set.length > 0 && add.length + remove.length > 0) {
        throw usage('--set and --add/--remove cannot be given at the same time');
      }
      const filter = snapshotFilter(options, cli.environment);
      cli.printer().normal('create exclusive lock for repository');
      await using session = await openSession(cli, 'exclusive');
      const { repository, printer } = session;
      repository.backend.refuseShrunkenLists?.();
      const flat = (lists: readonly string[]): string[] => lists.flatMap((text) => parseTagList(text));
      const change: TagChange =
        set.length > 0
          ? { kind: 'set', tags: flat(set).filter((tag) => tag !== '') }
          : { kind: 'change', add: flat(add), remove: flat(remove) };
      const snapshots = await selectSnapshots(session, filter, names);
      const replaced: { readonly old: string; readonly new: string }[] = [];
      const onEvent = (event: TagEvent): void => {
        session.signal.throwIfAborted();
        if (event.kind === 'changed') replaced.push({ old: event.oldId, new: event.newId });
        if (event.kind === 'failed') {
          printer.error(
            `unable to modify the tags for snapshot ID ${JSON.stringify(event.id)}, ignoring: ${messageOf(event.error)}`,
          );
        } else if (printer.json) {
          printer.message({ message_type: 'changed', old_snapshot_id: event.oldId, new_snapshot_id: event.newId });
        } else printer.verbose(`old snapshot ID: ${event.oldId} -> new snapshot ID: ${event.newId}`);
      };
      const changed = await audited(
        { cli, repository, printer },
        {
          action: 'tag',
          dryRun: snapshots.length === 0,
          shown: {
            change: change.kind === 'set' ? { set: change.tags } : { add: change.add, remove: change.remove },
            snapshots: snapshots.map(({ id }) => id),
          },
          work: () => tagSnapshots(repository, snapshots, change, onEvent),
          done: () => ({ replaced }),
        },
      );
      if (printer.json) printer.message({ message_type: 'summary', changed_snapshots: changed });
      else printer.normal(changed === 0 ? 'no snapshots were modified' : `modified ${changed} snapshots`);
    });
}

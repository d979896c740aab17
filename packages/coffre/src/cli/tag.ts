import { changeTags, messageOf, parseTagList } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { collect, usage } from './values.ts';

export function defineTag(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'ids, their beginnings, or latest; all that pass the filter when none is given'))
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
      const flat = (lists: readonly string[]): string[] => lists.flatMap((text) => parseTagList(text));
      const change = set.length > 0 ? { set: flat(set).filter((tag) => tag !== '') } : { add: flat(add), remove: flat(remove) };
      let changed = 0;
      for (const stored of await selectSnapshots(session, filter, names)) {
        session.signal.throwIfAborted();
        try {
          const newId = await changeTags(repository, stored, change);
          if (newId === undefined) continue;
          changed += 1;
          if (printer.json) printer.message({ message_type: 'changed', old_snapshot_id: stored.id, new_snapshot_id: newId });
          else printer.verbose(`old snapshot ID: ${stored.id} -> new snapshot ID: ${newId}`);
        } catch (error) {
          printer.error(`unable to modify the tags for snapshot ID ${JSON.stringify(stored.id)}, ignoring: ${messageOf(error)}`);
        }
      }
      if (printer.json) printer.message({ message_type: 'summary', changed_snapshots: changed });
      else printer.normal(changed === 0 ? 'no snapshots were modified' : `modified ${changed} snapshots`);
    });
}

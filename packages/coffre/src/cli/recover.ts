import { messageOf, recover, shortId } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';
import { programVersion } from './version.ts';

export function defineRecover(command: Command, cli: Cli): void {
  command.action(async () => {
    const printer = cli.printer().plain();
    await using session = await openSession(cli, 'exclusive', { printer, uncached: true });
    printer.normal('ensuring index is complete');
    const indexed = await session.repository.loadIndex();
    using trees = printer.counter('trees loaded');
    const { roots, snapshotId } = await recover(indexed, programVersion, (event) => {
      session.signal.throwIfAborted();
      if (event.kind === 'trees') trees.set(event.done, event.total);
      else if (event.kind === 'indexed') printer.normal(`${event.packs} packs were in no index and are now`);
      else printer.error(`unable to load tree ${shortId(event.treeId)}: ${messageOf(event.error)}`);
    });
    trees.finish();
    printer.always(`\nfound ${roots.length} unreferenced roots`);
    if (snapshotId === undefined) printer.normal('no snapshot to write.');
    else printer.always(`saved new snapshot ${shortId(snapshotId)}`);
  });
}

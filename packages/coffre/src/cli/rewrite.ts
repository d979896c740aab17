import { formatLocal, rewriteSnapshots, shortId, timestampOfNs } from '@coffre/repository';
import type { RewriteEvent, RewriteOptions } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { quoteName } from './output/display.ts';
import { formatZonedTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { snapshotSentence } from './output/snapshots.ts';
import { addExcludes, addIncludes, readExcludes, readIncludes, refuseBoth } from './pattern-options.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { parseLocalTime, usage } from './values.ts';

type RewriteVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addIncludes(
    addExcludes(
      addSnapshotFilter(
        command.argument(
          '[snapshot...]',
          'ids, their beginnings, or latest; all that pass the filter when none is given',
        ),
      ),
    ),
  )
    .option('-n, --dry-run', 'change nothing, only show what would be done')
    .option('--forget', 'remove the old snapshots')
    .option('--new-host <name>', 'another host')
    .option('--new-time <time>', "another time, as '2026-01-31 13:05:00'")
    .option('-s, --snapshot-summary', 'add the sums of files and bytes where they are missing');
}

export function defineRewrite(command: Command, cli: Cli): void {
  addOptions(command).action(async (names, options) => {
    const rewrite = readOptions(cli, options);
    const filter = snapshotFilter(options, cli.environment);
    const printer = cli.printer().plain();
    const forget = options.forget === true;
    const dryRun = options.dryRun === true;
    if (forget) printer.normal('create exclusive lock for repository');
    await using session = await openSession(cli, dryRun ? 'none' : forget ? 'exclusive' : 'shared', { printer });
    if (forget && !dryRun) session.repository.backend.refuseShrunkenLists?.();
    const indexed = await session.repository.loadIndex();
    const snapshots = await selectSnapshots(session, filter, names);
    const [saved, removed]: [string[], string[]] = [[], []];
    const changed = await audited(
      { cli, repository: session.repository, printer },
      {
        action: 'rewrite',
        dryRun: dryRun || snapshots.length === 0,
        shown: { forget, asked: askedOf(options), snapshots: snapshots.map(({ id }) => id) },
        work: () =>
          rewriteSnapshots(indexed, snapshots, rewrite, (event) => {
            session.signal.throwIfAborted();
            if (event.kind === 'rewritten' && event.newId !== undefined) saved.push(event.newId);
            if (event.kind === 'removed') removed.push(event.oldId);
            sayEvent(printer, event, rewrite);
          }),
        done: (count) => ({ changed: count, saved, removed }),
      },
    );
    printer.normal('');
    if (changed === 0) printer.normal(dryRun ? 'no snapshots would be modified' : 'no snapshots were modified');
    else printer.normal(dryRun ? `would modify ${changed} snapshots` : `modified ${changed} snapshots`);
  });
}

/** As it was typed. */
function askedOf(options: RewriteVerbOptions): Record<string, string | string[] | true> {
  const entries = Object.entries(options).flatMap(([name, value]): [string, string | string[] | true][] =>
    typeof value === 'string' || Array.isArray(value) || value ? [[name, value]] : [],
  );
  return Object.fromEntries(entries);
}

function readOptions(cli: Cli, options: RewriteVerbOptions): RewriteOptions {
  const excludes = readExcludes(options, cli.environment);
  const includes = readIncludes(options, cli.environment);
  const { newHost = '', newTime = '' } = options;
  if (options.snapshotSummary !== true && excludes.isEmpty && includes.isEmpty && newHost === '' && newTime === '') {
    throw usage('Nothing to do: no excludes/includes provided and no new metadata provided');
  }
  refuseBoth(excludes, includes);
  return {
    ...(excludes.isEmpty ? {} : { excludes }),
    ...(includes.isEmpty ? {} : { includes }),
    ...(newHost === '' ? {} : { newHost }),
    ...(newTime === ''
      ? {}
      : { newTime: formatLocal(timestampOfNs(BigInt(parseLocalTime(newTime, '--new-time').getTime()) * 1_000_000n)) }),
    addSummary: options.snapshotSummary === true,
    forget: options.forget === true,
    dryRun: options.dryRun === true,
  };
}

function sayEvent(printer: Printer, event: RewriteEvent, options: RewriteOptions): void {
  switch (event.kind) {
    case 'snapshot':
      return printer.normal(`\n${snapshotSentence(event.snapshot)}`);
    case 'unchanged':
      return undefined;
    case 'rewritten': {
      const isDry = event.newId === undefined;
      if (isDry) printer.normal('would save new snapshot');
      if (isDry && options.forget === true) printer.normal('would remove old snapshot');
      if (options.newTime !== undefined)
        printer.normal(`${isDry ? 'would set' : 'setting'} time to ${formatZonedTime(options.newTime)}`);
      if (options.newHost !== undefined)
        printer.normal(`${isDry ? 'would set hostname' : 'setting host'} to ${quoteName(options.newHost)}`);
      if (event.newId !== undefined) printer.normal(`saved new snapshot ${shortId(event.newId)}`);
      return undefined;
    }
    case 'removed':
      return printer.normal(`removed old snapshot ${shortId(event.oldId)}`);
    default:
      return event satisfies never;
  }
}

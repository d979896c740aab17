import { check, CoffreError, parseFullWithin, parseReadDataSubset } from '@coffre/repository';
import type { CheckResult, ReadDataSubset, SnapshotFilter } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { repositoryCache } from '../access/cache-folder.ts';
import { CheckReport } from './check-report.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { usage } from './values.ts';

const damaged = 'repository contains errors';

export function defineCheck(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'only what these need; everything when none is given'))
    .option('--read-data', 'read everything back and compare')
    .option('--read-data-subset <subset>', 'read a part back: n/t, 5% or 500M')
    .option('--full-within <time>', 'read enough that every pack is read again within this time: 90d, 12w')
    .option('--with-cache', 'accepted for restic scripts; the check never trusts a cache')
    .action(async (names, options) => {
      if (options.readData === true && options.readDataSubset !== undefined) {
        throw usage('check flags --read-data and --read-data-subset cannot be used together');
      }
      const readData: ReadDataSubset | undefined =
        options.readDataSubset === undefined || options.readDataSubset === ''
          ? options.readData === true
            ? { kind: 'all' }
            : undefined
          : parseReadDataSubset(options.readDataSubset);
      const fullWithinMs = options.fullWithin === undefined ? undefined : parseFullWithin(options.fullWithin);
      if (fullWithinMs !== undefined && readData?.kind === 'part')
        throw usage(
          '--full-within chooses the packs itself and does not go with a part like n/t',
          'Give a percentage or a size, or leave --read-data-subset out.',
        );
      const filter = snapshotFilter(options, cli.environment);
      const { json } = cli.globals();
      let result: CheckOutcome | undefined;
      try {
        result = await runCheck(cli, { names, filter, readData, fullWithinMs });
        if (result.errors > 0)
          throw new CoffreError('REPO_CHECK_FAILED', damaged, { hint: 'The lines above say where.' });
      } catch (error) {
        if (json) cli.printer().message(summaryJson(result, true));
        throw error;
      }
      if (json) cli.printer().message(summaryJson(result, false));
      else cli.printer().normal('no errors were found');
    });
}

type CheckWish = {
  readonly names: readonly string[];
  readonly filter: SnapshotFilter;
  readonly readData: ReadDataSubset | undefined;
  readonly fullWithinMs: number | undefined;
};

type CheckOutcome = CheckResult & { readonly verification: Record<string, unknown> | undefined };

async function runCheck(cli: Cli, wish: CheckWish): Promise<CheckOutcome> {
  const printer = cli.printer();
  const globals = cli.globals();
  const { noLock } = globals;
  if (!noLock) printer.normal('create exclusive lock for repository');
  await using session = await openSession(cli, noLock ? 'none' : 'exclusive', { uncached: true, besideLock: true });
  const isFiltered = wish.names.length > 0 || Object.values(wish.filter).some((values) => values.length > 0);
  if (isFiltered && wish.fullWithinMs !== undefined)
    throw usage('--full-within is about the whole repository and does not go with chosen snapshots');
  if (isFiltered) await session.locked;
  const snapshots = isFiltered ? await selectSnapshots(session, wish.filter, wish.names) : undefined;
  using report = new CheckReport(printer, wish, isFiltered);
  const stateFolder = repositoryCache(globals, cli.environment, session.repository.config.id);
  const result = await check(
    session.repository,
    {
      ...(wish.readData === undefined ? {} : { readData: wish.readData }),
      ...(wish.fullWithinMs === undefined ? {} : { fullWithinMs: wish.fullWithinMs }),
      ...(stateFolder === undefined ? {} : { stateFolder }),
      ...(snapshots === undefined ? {} : { snapshots }),
      locked: session.locked,
    },
    (event) => {
      session.signal.throwIfAborted();
      report.onEvent(event);
    },
  );
  report.finish(result);
  return { ...result, verification: report.verification };
}

/** Printed also when the check could not run: then there is one error. */
function summaryJson(result: CheckOutcome | undefined, hasFailed: boolean): Record<string, unknown> {
  const errors = result?.errors ?? 0;
  const broken = result?.brokenPacks ?? [];
  return {
    message_type: 'summary',
    num_errors: hasFailed && errors === 0 ? 1 : errors,
    broken_packs: broken.length === 0 ? null : broken,
    suggest_repair_index: result?.suggestsRepairIndex ?? false,
    suggest_prune: result?.suggestsPrune ?? false,
    ...(result?.verification === undefined ? {} : { verification: result.verification }),
  };
}

import {
  CoffreError,
  describePolicy,
  isEmptyFilter,
  isEmptyPolicy,
  parseGroupBy,
  parseKeepCount,
  parseSpan,
  parseTagList,
  planForget,
  planRemoval,
  shortId,
} from '@coffre/repository';
import type {
  ForgetGroup,
  ForgetPlan,
  KeepCount,
  RetentionPolicy,
  SnapshotId,
  StoredSnapshot,
} from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Store } from '../store/store.ts';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { UnreadableSnapshots } from './forget-unreadable.ts';
import { protectionJson, protectionLines, protectionOf, readProtection } from './forget-protection.ts';
import { quoteName } from './output/display.ts';
import type { Printer } from './output/printer.ts';
import { groupHeading, snapshotJson, snapshotTable } from './output/snapshots.ts';
import { readPruneFlags } from './prune-options.ts';
import type { PruneWish } from './prune-options.ts';
import { runPrune } from './prune-run.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { collect, parseWholeNumber, usage } from './values.ts';

type ForgetVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addSnapshotFilter(command.argument('[snapshot...]', 'ids to remove, whatever the rules say'), '--host <host>')
    .option('-l, --keep-last <n>', 'keep the newest n (or unlimited)')
    .option('-H, --keep-hourly <n>', 'keep the newest of each of n hours')
    .option('-d, --keep-daily <n>', 'keep the newest of each of n days')
    .option('-w, --keep-weekly <n>', 'keep the newest of each of n weeks')
    .option('-m, --keep-monthly <n>', 'keep the newest of each of n months')
    .option('-y, --keep-yearly <n>', 'keep the newest of each of n years')
    .option('--keep-within <duration>', 'keep all newer than this before the newest, such as 1y5m7d2h')
    .option('--keep-within-hourly <duration>', 'keep hourly ones so long')
    .option('--keep-within-daily <duration>', 'keep daily ones so long')
    .option('--keep-within-weekly <duration>', 'keep weekly ones so long')
    .option('--keep-within-monthly <duration>', 'keep monthly ones so long')
    .option('--keep-within-yearly <duration>', 'keep yearly ones so long')
    .option('--keep-tag <tag,…>', 'keep those with all of these tags (repeatable)', collect)
    .option('--keep-min <n>', 'always leave the newest n of each group (default: 0, with --protect 3)')
    .option(
      '--protect <duration>',
      'what came within this time, such as 14d, or looks wrong stays and pushes nobody out',
    )
    .option('--accept <id>', 'for --protect: this snapshot is right, keep it and let it count (repeatable)', collect)
    .option('--force', 'let ids go below --keep-min')
    .option(
      '--unsafe-allow-remove-all',
      'allow an empty set of rules to remove every snapshot that --host, --tag or --path choose',
    )
    .option('-c, --compact', 'a narrower table')
    .option('-g, --group-by <group>', 'group by host, paths and tags, with commas between', 'host,paths')
    .option('-n, --dry-run', 'remove nothing, only show what would be')
    .option('--prune', 'then remove data that no snapshot needs, as prune does')
    .option('--max-unused <limit>', 'for --prune: how much unused data may stay: 5%, 500M or unlimited', '5%')
    .option('--max-repack-size <size>', 'for --prune: repack at most so much')
    .option('--repack-cacheable-only', 'for --prune: repack only packs that a cache holds')
    .option('--repack-uncompressed', 'for --prune: repack everything that is not compressed')
    .option('--repack-small', 'accepted for restic scripts; small packs are repacked anyway')
    .option('--repack-smaller-than <size>', 'for --prune: repack packs below this size')
    .option('--grace <duration>', 'for --prune: how long data stays after it was marked (default: 23h)')
    .option('--instant-delete', 'for --prune: delete at once, as restic does');
}

export function defineForget(command: Command, cli: Cli): void {
  addOptions(command).action(async (names, options) => {
    const globals = cli.globals();
    const { noLock } = globals;
    const wish = options.prune === true ? readPruneFlags(options, globals) : undefined;
    const dryRun = options.dryRun === true;
    if (noLock && !dryRun) throw usage('--no-lock is only applicable in combination with --dry-run for forget command');
    const policy = policyOf(options);
    const protectionWish = readProtection(options);
    const keepMin = options.keepMin === undefined ? undefined : parseWholeNumber(options.keepMin, '--keep-min');
    const groupBy = parseGroupBy(options.groupBy);
    const filter = snapshotFilter(options, cli.environment);
    if (names.length === 0 && isEmptyPolicy(policy)) refuseEmptyPolicy(options, isEmptyFilter(filter));
    await using session = await openSession(cli, dryRun && noLock ? 'none' : 'exclusive');
    if (!dryRun) session.repository.backend.refuseShrunkenLists?.();
    const nowNs = session.repository.host.clock.nowNs();
    const unreadable = new UnreadableSnapshots();
    const chosen = await selectSnapshots(session, filter, names, unreadable.note);
    const isFloored = protectionWish !== undefined || (names.length > 0 && (keepMin ?? 0) > 0);
    const all = isFloored ? await allSnapshots(session, chosen, names.length === 0 && isEmptyFilter(filter)) : chosen;
    const rules = {
      nowNs,
      groupBy,
      ...(keepMin === undefined ? {} : { keepMin }),
      ...(protectionWish === undefined
        ? {}
        : { protection: await protectionOf(session, cli.environment, protectionWish, all) }),
    };
    if (names.length > 0) {
      const named = chosen.map(({ id }) => id);
      const removal = planRemoval(all, named, { ...rules, force: options.force === true });
      refuseIncomplete(await remove(cli, session, removal, { dryRun, rule: 'named on the command line' }));
      unreadable.refuse();
      await pruneAfter(cli, session, { wish, removed: removal, dryRun });
      return;
    }
    const sayPolicy = (): void => session.printer.normal(`Applying Policy: ${describePolicy(policy)}`);
    if (!isEmptyPolicy(policy)) sayPolicy();
    const plan = planForget(chosen, policy, {
      ...rules,
      allowRemoveAll: options.unsafeAllowRemoveAll === true,
      isFiltered: !isEmptyFilter(filter),
    });
    if (isEmptyPolicy(policy)) sayPolicy();
    if (!session.printer.json && session.printer.verbosity > 0) printPlan(cli, session, plan, options.compact === true);
    const isProtected = protectionWish !== undefined;
    for (const line of isProtected ? protectionLines(plan.groups) : []) session.printer.normal(line);
    const failed = await remove(cli, session, plan.remove, { dryRun, rule: describePolicy(policy) });
    if (session.printer.json && plan.groups.length > 0) {
      const extra = isProtected ? protectionJson : (): object => ({});
      session.printer.message(plan.groups.map((group) => ({ ...groupJson(group), ...extra(group) })));
    }
    refuseIncomplete(failed);
    await pruneAfter(cli, session, { wish, removed: plan.remove, dryRun });
  });
}

/** What is in no group of the chosen ones counts too: for floors, and for the note of when they came. */
async function allSnapshots(
  { repository }: Session,
  chosen: readonly StoredSnapshot[],
  isAll: boolean,
): Promise<readonly StoredSnapshot[]> {
  return isAll ? chosen : await repository.listSnapshots();
}

type Removal = {
  readonly wish: PruneWish | undefined;
  readonly removed: readonly StoredSnapshot[];
  readonly dryRun: boolean;
};

/** Under locks of its own, so that backups go on beside most of it; `--instant-delete` keeps the one of the removal. */
async function pruneAfter(cli: Cli, session: Session, { wish, removed, dryRun }: Removal): Promise<void> {
  if (wish === undefined || removed.length === 0) return;
  session.printer.normal(
    dryRun
      ? `${removed.length} snapshots would be removed, running prune dry run`
      : `${removed.length} snapshots have been removed, running prune`,
  );
  if (!wish.isInstant) await session.unlock();
  await runPrune(cli, session, { wish, dryRun, ignoreSnapshots: new Set(removed.map(({ id }) => id)) });
}

/** Before anything is opened: nothing is known yet that could make it right. */
function refuseEmptyPolicy(options: ForgetVerbOptions, isEverything: boolean): void {
  if (options.unsafeAllowRemoveAll !== true) {
    throw new CoffreError('POLICY_EMPTY', 'no policy was specified, no snapshots will be removed', {
      hint: 'Say what to keep, for example --keep-daily 7 --keep-weekly 4.',
    });
  }
  if (!isEverything) return;
  throw new CoffreError(
    'POLICY_REMOVES_ALL',
    '--unsafe-allow-remove-all is not allowed unless a snapshot filter option is specified',
    {
      hint: 'Choose the snapshots with --host, --tag or --path.',
    },
  );
}

function policyOf(options: ForgetVerbOptions): RetentionPolicy {
  const counts = {
    last: ['--keep-last', options.keepLast],
    hourly: ['--keep-hourly', options.keepHourly],
    daily: ['--keep-daily', options.keepDaily],
    weekly: ['--keep-weekly', options.keepWeekly],
    monthly: ['--keep-monthly', options.keepMonthly],
    yearly: ['--keep-yearly', options.keepYearly],
  } as const;
  const spans = {
    within: ['--keep-within', options.keepWithin],
    withinHourly: ['--keep-within-hourly', options.keepWithinHourly],
    withinDaily: ['--keep-within-daily', options.keepWithinDaily],
    withinWeekly: ['--keep-within-weekly', options.keepWithinWeekly],
    withinMonthly: ['--keep-within-monthly', options.keepWithinMonthly],
    withinYearly: ['--keep-within-yearly', options.keepWithinYearly],
  } as const;
  return {
    ...parsed(counts, keepCount),
    ...parsed(spans, (text) => parseSpan(text)),
    tags: (options.keepTag ?? []).map((text) => parseTagList(text)),
  };
}

/** A negative count once meant "all"; spelled out, nobody removes everything by a slip. */
function keepCount(text: string, option: string): KeepCount {
  if (/^-\d+$/.test(text)) throw usage(`${option}: negative values not allowed, use 'unlimited' instead`);
  return parseKeepCount(text);
}

function parsed<Name extends string, T>(
  texts: Readonly<Record<Name, readonly [option: string, text: string | undefined]>>,
  parse: (text: string, option: string) => T,
): { [Key in Name]?: T } {
  const values: { [Key in Name]?: T } = {};
  for (const name of Object.keys(texts) as Name[]) {
    const [option, text] = texts[name];
    if (text !== undefined) values[name] = parse(text, option);
  }
  return values;
}

function printPlan(cli: Cli, { globals, printer }: Session, plan: ForgetPlan, compact: boolean): void {
  const tz = cli.environment['TZ'];
  for (const { key, keep, remove: going, reasons } of plan.groups) {
    const heading = groupHeading(key);
    if (globals.verboseCount >= 1 && heading !== undefined) printer.normal(heading);
    const table = (title: string, snapshots: readonly StoredSnapshot[], why?: readonly (readonly string[])[]): void => {
      if (snapshots.length === 0) return;
      printer.normal(`${title} ${snapshots.length} snapshots:`);
      const lines = snapshotTable(snapshots, { compact, tz, ...(why === undefined ? {} : { reasons: why }) });
      for (const line of lines) printer.normal(line);
      printer.normal('');
    };
    table(
      'keep',
      keep,
      reasons.map(({ matches }) => matches),
    );
    table('remove', going);
  }
}

type Refused = { readonly id: SnapshotId; readonly error: CoffreError };

type Removing = { readonly dryRun: boolean; readonly rule: string };

/** On record where an audit log is kept. @returns as `tryRemove` */
async function remove(
  cli: Cli,
  session: Session,
  snapshots: readonly StoredSnapshot[],
  { dryRun, rule }: Removing,
): Promise<Refused[]> {
  const { repository, printer } = session;
  return await audited(
    { cli, repository, printer },
    {
      action: 'forget',
      dryRun: dryRun || snapshots.length === 0,
      shown: { rule, remove: snapshots.map(({ id }) => id) },
      work: () => tryRemove(session, snapshots, dryRun),
      done: (failed) => ({ removed: snapshots.length - failed.length, failed: failed.map(({ id }) => id) }),
      note: async (store, failed) => {
        const left = new Set(failed.map(({ id }) => id));
        await tellHistory(
          store,
          snapshots.map(({ id }) => id).filter((id) => !left.has(id)),
          printer,
        );
      },
    },
  );
}

async function tellHistory(store: Store, removed: readonly string[], printer: Printer): Promise<void> {
  const { noteForgotten } = await import('../store/forgotten.ts');
  for (const { plan, source, repository } of await noteForgotten(store, removed)) {
    const what = `the newest backup of ${quoteName(source)} by ${quoteName(plan)} in ${quoteName(repository)}`;
    printer.error(`warning: ${what} is removed; \`coffre status\` says so until it is listed with a newer one`);
  }
}

/** @returns those that could not be removed */
async function tryRemove(
  { repository, printer, signal }: Session,
  snapshots: readonly StoredSnapshot[],
  dryRun: boolean,
): Promise<Refused[]> {
  if (snapshots.length === 0) return [];
  const ids = snapshots.map(({ id }) => id);
  if (dryRun) {
    printer.normal(
      `Would have removed the following snapshots:\n{${ids
        .map((id) => shortId(id))
        .toSorted()
        .join(' ')}}\n\n`,
    );
    return [];
  }
  const failed: Refused[] = [];
  using counter = printer.counter('files deleted', ids.length);
  for (const id of ids) {
    signal.throwIfAborted();
    try {
      await repository.remove('snapshots', id);
      counter.add(1);
      printer.debug(`removed snapshot/${id}`);
    } catch (error) {
      if (!(error instanceof CoffreError)) throw error;
      printer.error(`unable to remove snapshot/${id} from the repository: ${error.message}`);
      failed.push({ id, error });
    }
  }
  counter.finish();
  return failed;
}

function refuseIncomplete(failed: readonly Refused[]): void {
  const [first] = failed;
  if (first === undefined) return;
  const { hint = 'Look at the permissions of the storage.' } = first.error;
  throw new CoffreError('SNAPSHOT_NOT_REMOVED', 'failed to remove one or more snapshots', {
    hint: `Still there: ${failed.map(({ id }) => shortId(id)).join(', ')}. ${hint}`,
    cause: first.error,
  });
}

/** Empty lists are null here, as restic prints them. */
function groupJson({ key, keep, remove: going, reasons }: ForgetGroup): Record<string, unknown> {
  const list = (snapshots: readonly StoredSnapshot[]): unknown =>
    snapshots.length === 0 ? null : snapshots.map(snapshotJson);
  return {
    tags: key.tags,
    host: key.hostname,
    paths: key.paths,
    keep: list(keep),
    remove: list(going),
    reasons:
      reasons.length === 0
        ? null
        : reasons.map(({ snapshot, matches }) => ({ snapshot: snapshotJson(snapshot), matches })),
  };
}

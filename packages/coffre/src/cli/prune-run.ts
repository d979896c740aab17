import { CoffreError, prune } from '@coffre/repository';
import type { PruneOptions, PruneResult, SnapshotId } from '@coffre/repository';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { PruneReport, pruneJson } from './output/prune-report.ts';
import type { PruneWish } from './prune-options.ts';
import { holdLock } from './session.ts';
import type { Session } from './session.ts';

export type PruneRun = {
  readonly wish: PruneWish;
  readonly dryRun: boolean;
  readonly ignoreSnapshots?: ReadonlySet<SnapshotId>;
};

/** Backups may hold shared locks for long, and waiting keeps nobody out. */
const lockWaitMs = 15 * 60_000;

/** In a session that holds no lock, or the exclusive one for `--instant-delete`. On record where an audit log is kept. */
export async function runPrune(cli: Cli, session: Session, run: PruneRun): Promise<PruneResult> {
  const { repository, printer } = session;
  return await audited(
    { cli, repository, printer },
    {
      action: 'prune',
      dryRun: run.dryRun,
      shown: { instant: run.wish.isInstant, graceMs: run.wish.graceMs, ignored: [...(run.ignoreSnapshots ?? [])] },
      work: () => pruneNow(cli, session, run),
      done: ({ deleted, marked, recovered }) => ({ deleted, marked, recovered }),
    },
  );
}

async function pruneNow(cli: Cli, session: Session, run: PruneRun): Promise<PruneResult> {
  const { repository, printer, globals } = session;
  const { wish, dryRun } = run;
  if (wish.repackUncompressed && repository.config.version < 2) {
    throw new CoffreError('USAGE', 'compression requires at least repository format version 2');
  }
  const { isInstant, ...options } = wish;
  using report = new PruneReport(printer, { dryRun, graceMs: wish.graceMs });
  const { compression, packSizeMib } = globals;
  const result = await prune(
    repository,
    {
      ...options,
      dryRun,
      compression,
      ...(packSizeMib === undefined ? {} : { packTargetBytes: packSizeMib * 1024 * 1024 }),
      ...(run.ignoreSnapshots === undefined ? {} : { ignoreSnapshots: run.ignoreSnapshots }),
      lock: lockOf(cli, session, isInstant || (dryRun && globals.noLock)),
      signal: session.signal,
    },
    (event) => {
      session.signal.throwIfAborted();
      report.onEvent(event);
    },
  );
  if (printer.json) printer.message(pruneJson(result, dryRun));
  else report.finish(result);
  return result;
}

function lockOf(cli: Cli, session: Session, isHeldAnyway: boolean): PruneOptions['lock'] {
  if (isHeldAnyway) return async () => ({ signal: session.signal, [Symbol.asyncDispose]: async () => undefined });
  return (kind) =>
    kind === 'shared'
      ? holdLock(cli, session, 'shared')
      : holdLock(cli, session, 'exclusive', Math.max(lockWaitMs, session.globals.retryLockMs));
}

import { resolve } from 'node:path';
import {
  carriedBytes,
  CoffreError,
  excluding,
  including,
  isCoffreError,
  restore,
  zeroRestoreCounters,
} from '@coffre/repository';
import type { FoundSnapshot, Overwrite, RestoreCounters, RestoreOptions, RestoreSelection } from '@coffre/repository';
import type { Cli } from './cli.ts';
import { formatGoDuration } from './output/format.ts';
import { RestoreReport } from './output/restore-report.ts';
import { snapshotSentence } from './output/snapshots.ts';
import { readExcludes, readIncludes, refuseBoth } from './pattern-options.ts';
import type { RestoreVerbOptions } from './restore.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { selectSnapshot, snapshotFilter } from './snapshot-options.ts';
import { parseChoice, usage } from './values.ts';

const overwrites: readonly Overwrite[] = ['always', 'if-changed', 'if-newer', 'never'];

export async function runRestore(cli: Cli, names: readonly string[], options: RestoreVerbOptions): Promise<void> {
  const { name, target, fixed } = readRequest(cli, names, options);
  const filter = snapshotFilter(options, cli.environment);
  await using session = await openSession(cli, 'read', { besideLock: true });
  const { repository, printer } = session;
  const [indexed, found] = await session.reading(async () =>
    Promise.all([repository.loadIndex(), selectSnapshot(repository, filter, name)]),
  );
  const counters = zeroRestoreCounters();
  using report = new RestoreReport(printer, counters, carriedBytes(resolve(target)));
  const startedMs = performance.now();
  try {
    const work = async (): Promise<void> => {
      await restore(indexed, {
        ...fixed,
        tree: found.snapshot.tree,
        begins: () => printer.normal(`restoring ${snapshotSentence(found)} to ${target}`),
        ...(found.folder === undefined ? {} : { subPath: found.folder }),
        counters,
        report: (event) => report.onEvent(event),
        reportItems: report.wantsItems,
        signal: session.signal,
      });
    };
    if (fixed.delete === true && fixed.dryRun !== true) await removing(cli, { session, found, target, counters }, work);
    else await work();
  } catch (error) {
    if (!isCoffreError(error, 'RESTORE_INCOMPLETE')) throw error;
    report.finish();
    throw incomplete(counters.errors, error);
  }
  report.finish();
  if (options.verify === true) {
    printer.normal(`verifying files in ${target}`);
    const took = formatGoDuration(Math.round(performance.now() - startedMs));
    printer.normal(`finished verifying ${counters.filesVerified} files in ${target} (took ${took})`);
  }
}

type Removal = {
  readonly session: Session;
  readonly found: FoundSnapshot;
  readonly target: string;
  readonly counters: RestoreCounters;
};

/** What is not in the snapshot goes: that is put on record, as everything that destroys. */
async function removing(
  cli: Cli,
  { session: { repository, printer }, found, target, counters }: Removal,
  work: () => Promise<void>,
): Promise<void> {
  const { audited } = await import('./audited.ts');
  await audited(
    { cli, repository, printer },
    {
      action: 'restore --delete',
      shown: {
        snapshot: found.id,
        ...(found.folder !== undefined && { folder: found.folder }),
        target: resolve(target),
      },
      work,
      done: () => ({ filesDeleted: counters.filesDeleted, filesRestored: counters.filesRestored }),
    },
  );
}

type Request = {
  readonly name: string;
  readonly target: string;
  /** What does not depend on the snapshot. */
  readonly fixed: Omit<RestoreOptions, 'tree'>;
};

/** What patterns of the command line leave of it. @throws {CoffreError} USAGE */
export function narrowedBy(cli: Cli, options: RestoreVerbOptions): RestoreSelection | undefined {
  return selectionOf(readExcludes(options, cli.environment), readIncludes(options, cli.environment));
}

function selectionOf(
  excludes: ReturnType<typeof readExcludes>,
  includes: ReturnType<typeof readIncludes>,
): RestoreSelection | undefined {
  refuseBoth(excludes, includes);
  if (!excludes.isEmpty) return excluding(excludes);
  return includes.isEmpty ? undefined : including(includes);
}

function readRequest(cli: Cli, names: readonly string[], options: RestoreVerbOptions): Request {
  const excludes = readExcludes(options, cli.environment);
  const includes = readIncludes(options, cli.environment);
  const [name, ...more] = names;
  if (name === undefined) throw usage('no snapshot ID specified');
  if (more.length > 0) throw usage(`more than one snapshot ID specified: [${names.join(' ')}]`);
  const target = options.target ?? '';
  if (target === '') throw usage('please specify a directory to restore to (--target)');
  const selection = selectionOf(excludes, includes);
  if (options.dryRun === true && options.verify === true) throw usage('--dry-run and --verify are mutually exclusive');
  if (options.delete === true && selection === undefined && isRoot(target)) {
    throw new CoffreError(
      'RESTORE_TARGET_REFUSED',
      "'--target / --delete' must be combined with an include or exclude filter",
      {
        hint: 'Otherwise everything on this machine that is not in the snapshot would be removed.',
      },
    );
  }
  const { includeXattr: include, excludeXattr: exclude } = options;
  if (include !== undefined && exclude !== undefined)
    throw usage('exclude and include xattr patterns are mutually exclusive');
  const xattrs = include === undefined ? (exclude === undefined ? undefined : { exclude }) : { include };
  return {
    name,
    target,
    fixed: {
      target: carriedBytes(target),
      overwrite: parseChoice(options.overwrite, '--overwrite', overwrites),
      delete: options.delete === true,
      sparse: options.sparse === true,
      verify: options.verify === true,
      dryRun: options.dryRun === true,
      safe: options.safe === true,
      ownershipByName: options.ownershipByName === true,
      sync: options.fsync === true ? 'each' : 'end',
      ...(selection === undefined ? {} : { selection }),
      ...(xattrs === undefined ? {} : { xattrs }),
    },
  };
}

/** By its words, before anything is opened; what it leads to is looked at once it is open. */
function isRoot(target: string): boolean {
  return resolve(target) === '/';
}

function incomplete(errors: number, cause: CoffreError): CoffreError {
  const hint = cause.hint === undefined ? {} : { hint: cause.hint };
  return new CoffreError('RESTORE_INCOMPLETE', `There were ${errors} errors`, { ...hint, cause });
}

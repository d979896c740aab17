import { join } from 'node:path';
import { CoffreError, copySnapshots } from '@coffre/repository';
import type { CopyResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { repositoryCache } from '../access/cache-folder.ts';
import type { Cli } from './cli.ts';
import { CopyReporter } from './output/copy-report.ts';
import type { PasswordSource } from './password.ts';
import type { Access } from './repository-access.ts';
import { addSecondaryRepository, noSecondaryRepository, readSecondaryRepository } from './secondary-repository.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';

export function defineCopy(command: Command, cli: Cli): void {
  addSecondaryRepository(
    addSnapshotFilter(command.argument('[snapshot...]', 'ids, their beginnings, or latest; all when none is given')),
  )
    .option('-n, --dry-run', 'copy nothing, only show what would be copied')
    .action(async (names, options) => {
      const source = readSecondaryRepository(options, cli.environment);
      if (source === undefined) throw noSecondaryRepository();
      const filter = snapshotFilter(options, cli.environment);
      const dryRun = options.dryRun === true;
      await using sides = await openBoth(cli, source, dryRun);
      const { from, to } = sides;
      const { printer } = to;
      // An index read before the lock is held may name what a prune was just removing.
      await Promise.all([from.locked, to.locked]);
      const [indexedFrom, indexedTo] = await Promise.all([from.repository.loadIndex(), to.repository.loadIndex()]);
      const snapshots = await selectSnapshots(from, filter, names);
      using reporter = new CopyReporter(printer, dryRun);
      const { compression, packSizeMib } = to.globals;
      const cache = repositoryCache(to.globals, cli.environment, to.repository.config.id);
      const result = await copySnapshots(indexedFrom, indexedTo, {
        snapshots,
        dryRun,
        compression,
        ...(packSizeMib !== undefined && { packTargetBytes: packSizeMib * 1024 * 1024 }),
        ...(cache !== undefined && { journalPath: join(cache, `copy-${from.repository.config.id}`) }),
        signal: AbortSignal.any([from.signal, to.signal]),
        report: (event) => reporter.onEvent(event),
      });
      reporter.finish(result);
      refuseIncomplete(result);
    });
}

function refuseIncomplete({ failed, copied }: CopyResult): void {
  if (failed === 0) return;
  const what = failed === 1 ? '1 snapshot was' : `${failed} snapshots were`;
  throw new CoffreError('COPY_INCOMPLETE', `${what} not copied, because the source is damaged; ${copied} saved`, {
    hint: 'The lines above say which. Run `coffre check --read-data` on the source.',
  });
}

type Sides = AsyncDisposable & { readonly from: Session; readonly to: Session };

/** Both keys are derived side by side, unless somebody must be asked for a password. */
async function openBoth(cli: Cli, source: Access, dryRun: boolean): Promise<Sides> {
  await using opened = new AsyncDisposableStack();
  const openFrom = async (): Promise<Session> =>
    opened.use(await openSession(cli, 'read', { access: source, besideLock: true }));
  const openTo = async (): Promise<Session> =>
    opened.use(await openSession(cli, dryRun ? 'none' : 'shared', { besideLock: true, dryRun }));
  const first = openFrom();
  if (isAsked(source.password) || isAsked(cli.globals().password)) await first;
  const [from, to] = await settled(first, openTo());
  const open = opened.move();
  return { from, to, [Symbol.asyncDispose]: async () => await open.disposeAsync() };
}

function isAsked({ file, command, environment, insecureNone }: PasswordSource): boolean {
  return !insecureNone && [file, command, environment].every((text) => text === undefined || text === '');
}

/** Waits for both, so that what did open is closed when the other did not. */
async function settled<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

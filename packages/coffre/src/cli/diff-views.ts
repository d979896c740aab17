/** What a diff says beyond restic: what the backup read, added and stored, and what a restore of it would take. */
import { CoffreError, isCoffreError, messageOf, shortId } from '@coffre/repository';
import type { FoundSnapshot, StoredSnapshot } from '@coffre/repository';
import { backupBefore, backupsUpTo, lastFullRead } from '../named/full-read.ts';
import { assumedRate, measuresOf, restoreMs, restoreRate } from '../named/restore-estimate.ts';
import type { RestoreRate } from '../named/restore-estimate.ts';
import { viewsOf } from '../named/restore-views.ts';
import type { BackupViews } from '../named/restore-views.ts';
import { factsOf } from '../named/tags.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import { formatBytes } from './output/format.ts';
import { formatZonedTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { aboutText, notMeasured } from './output/restore-text.ts';
import { tableLines } from './output/table.ts';
import type { Session } from './session.ts';

/** @throws {CoffreError} SNAPSHOT_NOT_FOUND */
export function comparedWith(
  word: 'full' | 'last',
  snapshots: readonly StoredSnapshot[],
  target: StoredSnapshot,
): StoredSnapshot {
  const chain = backupsUpTo(snapshots, target);
  const found = word === 'full' ? lastFullRead(chain)?.stored : backupBefore(chain);
  if (found !== undefined) return found;
  const oldest = chain.at(-1);
  const other = oldest === undefined || oldest.id === target.id ? undefined : oldest;
  const what = word === 'full' ? 'no full read' : 'no backup';
  throw new CoffreError('SNAPSHOT_NOT_FOUND', `${what} before ${shortId(target.id)} is left of the same source`, {
    hint:
      other === undefined
        ? 'It is the oldest of its source; there is nothing to compare it with.'
        : `Compare it with the oldest that is left: coffre diff ${shortId(other.id)} ${shortId(target.id)}`,
  });
}

type ExactDiff = { readonly before: StoredSnapshot['id']; readonly addedBytes: number };

export type DiffViews = BackupViews & { readonly target: FoundSnapshot; readonly rate: RestoreRate };

/**
 * Undefined where nobody would see it, and where the snapshots cannot be listed: the diff itself stands without it.
 * @param exact what the two that were compared really differ in, where they are whole snapshots
 */
export async function viewsIfKnown(
  cli: Cli,
  { repository, printer, globals }: Session,
  target: FoundSnapshot,
  exact: ExactDiff | undefined,
): Promise<DiffViews | undefined> {
  if (globals.quiet && !printer.json) return undefined;
  try {
    const said = viewsOf(await repository.listSnapshots(), target);
    return await withRate(cli, said, target, exact);
  } catch (error) {
    if (!isCoffreError(error) || cli.signal.aborted) throw error;
    printer.error(`Warning: what a restore would take is not known: ${messageOf(error)}`);
    return undefined;
  }
}

async function withRate(
  cli: Cli,
  said: BackupViews,
  target: FoundSnapshot,
  exact: ExactDiff | undefined,
): Promise<DiffViews> {
  const views = said.views.map((view) =>
    exact !== undefined && view.since?.id === exact.before ? { ...view, sizeBytes: exact.addedBytes } : view,
  );
  return { ...said, views, target, rate: await rateFor(cli, target, said.views[0]?.sizeBytes ?? 0) };
}

/** From the history, where there is a configuration that names its place. Nothing of it stands in the way of a diff. */
async function rateFor(cli: Cli, { snapshot }: FoundSnapshot, sizeBytes: number): Promise<RestoreRate> {
  const { plan, source } = factsOf(snapshot);
  if (plan === undefined || source === undefined) return assumedRate;
  try {
    const { configuredIfThere } = await import('./meant-repositories.ts');
    const configured = await configuredIfThere(cli, undefined, true);
    await using state = await configuredState(cli, configured);
    if (state === undefined) return assumedRate;
    const repository = configured?.config.plans.get(plan as never)?.to;
    if (repository === undefined) return assumedRate;
    const { measuredRuns } = await import('../store/restore-measures.ts');
    const runs = await measuredRuns(state, { plan, source, repository });
    return restoreRate(runs.flatMap(measuresOf), source, sizeBytes);
  } catch (error) {
    if (!isCoffreError(error) || cli.signal.aborted) throw error;
    cli.printer().error(`Warning: nobody knows how long restores took: ${messageOf(error)}`);
    return assumedRate;
  }
}

/** Members that restic's own message does not have. */
export function viewsJson({ target, type, bytesRead, bytesNew, bytesStored, views, rate }: DiffViews): object {
  return {
    target: { id: target.id, type },
    bytes_read: bytesRead ?? null,
    bytes_new: bytesNew ?? null,
    bytes_stored: bytesStored ?? null,
    restore: {
      bytes_per_second: Math.round(rate.bytesPerSecond),
      basis: rate.basis,
      views: views.map(({ name, since, sizeBytes }) => ({
        view: name,
        since: since?.id ?? null,
        bytes: sizeBytes ?? null,
        estimate_s: sizeBytes === undefined ? null : restoreMs(sizeBytes, rate) / 1000,
      })),
    },
  };
}

export function printViews(
  printer: Printer,
  { target, type, bytesRead, bytesNew, bytesStored, views, rate }: DiffViews,
): void {
  const size = (bytes: number | undefined): string => (bytes === undefined ? 'unknown' : formatBytes(bytes));
  const kind = type === 'unknown' ? '' : ` (${type === 'full' ? 'full read' : 'incremental'})`;
  printer.normal('');
  printer.normal(
    `Snapshot ${shortId(target.id)}${kind}: read ${size(bytesRead)}, new ${size(bytesNew)}, stored ${size(bytesStored)}`,
  );
  const rows = views.map(({ name, since, sizeBytes }) => [
    name,
    since === undefined ? '' : `${shortId(since.id)} of ${formatZonedTime(since.snapshot.time)}`,
    name !== 'full' && since === undefined ? '' : size(sizeBytes),
    sizeBytes === undefined ? '' : aboutText(restoreMs(sizeBytes, rate)),
  ]);
  const speed = `${formatBytes(Math.round(rate.bytesPerSecond))}/s`;
  const basis =
    rate.basis === 'assumed' ? `${notMeasured}: ${speed} is assumed` : `at ${speed}, ${basisWords[rate.basis]}`;
  for (const line of tableLines({ columns: ['View', 'Since', 'Size', 'Restore'], rows, footer: [basis] })) {
    printer.normal(line);
  }
}

const basisWords: Readonly<Record<Exclude<RestoreRate['basis'], 'assumed'>, string>> = {
  restored: 'as restores took',
  loaded: 'as loading it into a scratch place took',
  'read-back': 'as reading it back took',
};

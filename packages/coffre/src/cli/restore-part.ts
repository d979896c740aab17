/** One part of a restore: what it would replace, and bringing it back. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { CoffreError, isCoffreError, restore, toText, zeroRestoreCounters } from '@coffre/repository';
import type { BlobId, IndexedRepository, Overwrite, RestoreCounters, RestoreSelection } from '@coffre/repository';
import type { PlanName, SourceConfig } from '../config/config.ts';
import { becomesFile, livePath, selectionOf } from '../named/restore-parts.ts';
import type { FilesWish, RestorePart } from '../named/restore-parts.ts';
import type { SourceSpec } from '../source/source-types.ts';
import { openSavedSource } from '../source-run/saved-source.ts';
import type { Cli } from './cli.ts';
import type { Configured } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import { RestoreReport } from './output/restore-report.ts';
import { sourceContext } from './source-context.ts';
import { parseChoice } from './values.ts';

export type PartWork = {
  readonly cli: Cli;
  readonly indexed: IndexedRepository;
  readonly tree: BlobId;
  readonly isInPlace: boolean;
  readonly delete: boolean;
  readonly overwrite: string | undefined;
  readonly module: FilesWish['module'];
  /** By patterns of the command line. */
  readonly narrowed: RestoreSelection | undefined;
  readonly plan: string | undefined;
  /** Where it is configured here. */
  readonly source: SourceConfig | undefined;
  readonly configured: Configured | undefined;
  readonly signal: AbortSignal;
};

const overwrites: readonly Overwrite[] = ['always', 'if-changed', 'if-newer', 'never'];

/** One line: what is there and goes. Quick ones do not look at what is there. */
export async function foresee(part: RestorePart, work: PartWork, { isQuick }: { isQuick: boolean }): Promise<string> {
  if (part.kind === 'source') {
    const place = part.to ?? livePath(part.entry) ?? 'where it came from';
    const size = part.entry.streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const verb = work.isInPlace ? 'replaces' : 'writes';
    return `${verb} ${quoteName(place)} (${part.entry.kind}, ${formatBytes(size)} as saved)`;
  }
  const below = part.roots.map((root) => quoteName(toText(root))).join(' ');
  const where = work.isInPlace ? below : `${below} below ${quoteName(toText(part.target))}`;
  if (isQuick) return `writes the files of ${where}`;
  const counters = await restoreFiles(part, work, true);
  const { filesTotal, filesSkipped, filesDeleted } = counters;
  const same = filesSkipped === 0 ? '' : `, ${filesSkipped} are there as saved`;
  const gone = filesDeleted === 0 ? '' : `, removes ${filesDeleted} that are not in the backup`;
  return `writes ${where}: ${filesTotal} files and folders, ${formatBytes(sizeOf(counters))}${same}${gone}`;
}

export type Brought = {
  /** Where it is now, for people. */
  readonly place: string;
  /** Of what was there already nothing is written. */
  readonly bytesWritten: number;
};

export async function bringBack(part: RestorePart, work: PartWork): Promise<Brought> {
  const { cli, indexed, tree, signal } = work;
  if (part.kind === 'files') {
    const counters = await restoreFiles(part, work, false);
    const where = work.isInPlace ? 'where they were' : `below ${quoteName(toText(part.target))}`;
    return { place: `files are ${where}, ${formatBytes(sizeOf(counters))}`, bytesWritten: counters.bytesRestored };
  }
  const { type, saved } = openSavedSource(indexed, tree, part.entry, signal);
  if (part.to !== undefined && becomesFile(part.entry)) mkdirSync(dirname(part.to), { recursive: true });
  const context = sourceContext(cli, signal, (line) => cli.printer().error(`Warning: ${line}`), work.configured);
  const target = { to: part.to, overwrite: work.isInPlace, only: [], settings: (await specOf(part, work))?.settings };
  const place = await type.load(saved, target, context);
  const bytesWritten = part.entry.streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { place: `${part.entry.name} is at ${quoteName(place)}`, bytesWritten };
}

function sizeOf({ bytesTotal, bytesSkipped }: RestoreCounters): number {
  return bytesTotal + bytesSkipped;
}

async function restoreFiles(
  { roots, target }: Extract<RestorePart, { kind: 'files' }>,
  work: PartWork,
  dryRun: boolean,
): Promise<RestoreCounters> {
  const { cli, indexed, tree, module, narrowed, signal } = work;
  const counters = zeroRestoreCounters();
  const own = selectionOf({ roots, module });
  const printer = cli.printer();
  using report = new RestoreReport(printer, counters, target);
  try {
    await restore(indexed, {
      tree,
      target,
      selection: narrowed === undefined ? own : both(own, narrowed),
      overwrite: parseChoice(work.overwrite ?? 'always', '--overwrite', overwrites),
      delete: work.delete,
      dryRun,
      counters,
      report: (event) => (dryRun && event.kind === 'item' ? undefined : report.onEvent(event)),
      reportItems: !dryRun && report.wantsItems,
      signal,
    });
  } catch (error) {
    if (!isCoffreError(error, 'RESTORE_INCOMPLETE')) throw error;
    throw new CoffreError('RESTORE_INCOMPLETE', `${counters.errors} files could not be restored`, {
      hint: 'The lines above say which and why; run the same command again when it is mended.',
      cause: error,
    });
  }
  return counters;
}

function both(first: RestoreSelection, second: RestoreSelection): RestoreSelection {
  return (path, isFolder) => {
    const [a, b] = [first(path, isFolder), second(path, isFolder)];
    return { selected: a.selected && b.selected, descend: a.descend && b.descend };
  };
}

/** How the live source is reached, and saved, where this machine has it. */
export async function specOf(
  { entry }: Extract<RestorePart, { kind: 'source' }>,
  { source, plan, configured }: Pick<PartWork, 'source' | 'plan' | 'configured'>,
): Promise<SourceSpec | undefined> {
  const config = configured?.config.plans.get((plan ?? '') as PlanName);
  if (source === undefined || config === undefined || configured === undefined) return undefined;
  const [{ sourceSpecsOf }, { systemSecretDoors }, { createFiles }] = await Promise.all([
    import('../run/source-spec.ts'),
    import('../config/read/secrets.ts'),
    import('@coffre/repository'),
  ]);
  const specs = await sourceSpecsOf(source, {
    plan: config,
    secrets: configured.config.secrets,
    doors: systemSecretDoors(configured.loaded.variables),
    files: createFiles(),
  });
  return specs.find(({ kind, settings }) => kind === entry.kind && settings.name === entry.name);
}

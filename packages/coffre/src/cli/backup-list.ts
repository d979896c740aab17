import { bytesReadOf, CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { Snapshot } from '@coffre/repository';
import { answeringTo, backupsOf } from '../named/backups.ts';
import type { Backup } from '../named/backups.ts';
import { readKindOf } from '../named/full-read.ts';
import { factsOf } from '../named/tags.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { Meant, MeantOptions } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import { tableLines } from './output/table.ts';
import { parseChoice } from './values.ts';

export type ListOptions = MeantOptions & {
  readonly name?: string | undefined;
  readonly kind?: string | undefined;
  readonly countMax: number | undefined;
};

export type ListedBackup = {
  readonly backup: Backup;
  readonly repository: string;
  readonly verifiedMs: number | undefined;
};

export async function listNamed(cli: Cli, options: ListOptions): Promise<void> {
  if (options.kind !== undefined) parseChoice(options.kind, '--kind', ['auto', 'manual', 'temp'] as const);
  const meant = await meantRepositories(cli, options);
  const { backups, failed } = await listBackups(cli, meant, options);
  show(cli, meant, backups, failed);
  const [first] = failed;
  if (first !== undefined) throw unlisted(first);
}

export type Unlisted = { readonly repository: string; readonly error: CoffreError };

/** Newest first. One repository that cannot be read does not hide the others. */
export async function listBackups(
  cli: Cli,
  meant: Meant,
  options: ListOptions,
): Promise<{ readonly backups: readonly ListedBackup[]; readonly failed: readonly Unlisted[] }> {
  const rows: ListedBackup[] = [];
  const failed: Unlisted[] = [];
  for (const repository of meant.repositories) {
    try {
      await using session = await repository.open('read');
      const backups = backupsOf(await session.repository.listSnapshots(), meant.zone);
      const verified = await verifiedIn(cli, meant, repository.name);
      const wanted = options.name === undefined ? backups : answeringTo(backups, options.name);
      for (const backup of wanted.filter((one) => isWanted(one, options))) {
        rows.push({ backup, repository: repository.name, verifiedMs: verifiedOf(backup, verified) });
      }
    } catch (error) {
      if (!isCoffreError(error) || cli.signal.aborted) throw error;
      failed.push({ repository: repository.name, error });
    }
  }
  const newest = rows.toSorted((a, b) => b.backup.createdMs - a.backup.createdMs);
  const wanted = new Set([...new Set(newest.map(({ backup }) => identityOf(backup)))].slice(0, options.countMax));
  return { backups: newest.filter(({ backup }) => wanted.has(identityOf(backup))), failed };
}

/** Copies of a backup are the same backup, in as many repositories. */
function identityOf({ name, plan, kind, snapshots }: Backup): string {
  const { snapshot } = snapshots[0]!;
  return JSON.stringify([name, plan, kind, factsOf(snapshot).run ?? snapshot.time]);
}

export function unlisted({ repository, error }: Unlisted): CoffreError {
  const { code, hint } = error;
  return new CoffreError(code, `${repository} cannot be listed: ${messageOf(error)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

function isWanted(backup: Backup, { plan, source, kind }: ListOptions): boolean {
  return (
    (plan === undefined || backup.plan === plan) &&
    (kind === undefined || backup.kind === kind) &&
    (source === undefined || backup.snapshots.some(({ snapshot }) => factsOf(snapshot).source === source))
  );
}

/** Nobody needs a state to list backups; without one nothing is known to be verified. */
async function verifiedIn(cli: Cli, meant: Meant, repository: string): Promise<ReadonlyMap<string, number>> {
  try {
    await using state = await configuredState(cli, meant.configured);
    if (state === undefined) return new Map();
    const { verifiedSnapshots } = await import('../store/verified-snapshots.ts');
    return await verifiedSnapshots(state, repository);
  } catch (error) {
    if (!isCoffreError(error) || cli.signal.aborted) throw error;
    cli.printer().error(`Warning: nobody knows what was verified: ${messageOf(error)}`);
    return new Map();
  }
}

/** When its last snapshot was proved; undefined while one of them never was. */
function verifiedOf({ snapshots }: Backup, verified: ReadonlyMap<string, number>): number | undefined {
  const times = snapshots.map(({ id, snapshot }) => verified.get(id) ?? verified.get(snapshot.original ?? ''));
  return times.some((time) => time === undefined) ? undefined : Math.min(...times.map((time) => time!));
}

function show(
  cli: Cli,
  { zone }: Meant,
  rows: readonly ListedBackup[],
  failed: readonly { repository: string }[],
): void {
  const printer = cli.printer();
  if (printer.json) {
    printer.message({
      schema: 'coffre.backups/1',
      timezone: zone,
      backups: rows.map(rowJson),
      unreachable: failed.map(({ repository }) => repository),
    });
    return;
  }
  const local = (atMs: number): string =>
    Temporal.Instant.fromEpochMilliseconds(atMs)
      .toZonedDateTimeISO(zone)
      .toPlainDateTime()
      .toString({ smallestUnit: 'second' })
      .replace('T', ' ');
  const lines = tableLines({
    columns: ['Name', 'Created', 'Size', 'New', 'Stored', 'Kind', 'Pinned', 'Sources', 'Repository', 'Verified'],
    rows: rows.map(({ backup, repository, verifiedMs }) => [
      quoteName(backup.name),
      local(backup.createdMs),
      sizeText(backup.sizeBytes),
      sizeText(sumOf(backup, (one) => one.summary?.data_added)),
      sizeText(sumOf(backup, (one) => one.summary?.data_added_packed)),
      backup.kind ?? '',
      backup.isPinned ? 'pinned' : '',
      backup.snapshots
        .map(({ snapshot }) => quoteName(factsOf(snapshot).source ?? snapshot.paths.join(' ')))
        .join('\n'),
      quoteName(repository),
      verifiedMs === undefined ? '' : local(verifiedMs),
    ]),
    footer: [`Times of ${zone}`, countText(rows)],
  });
  for (const line of lines) printer.always(line);
}

function countText(rows: readonly ListedBackup[]): string {
  const count = new Set(rows.map(({ backup }) => identityOf(backup))).size;
  const backups = count === 1 ? '1 backup' : `${count} backups`;
  return count === rows.length ? backups : `${backups} at ${rows.length} places`;
}

function sizeText(sizeBytes: number | undefined): string {
  return sizeBytes === undefined ? '' : formatBytes(sizeBytes);
}

/** Undefined where one of its snapshots does not say. */
function sumOf({ snapshots }: Backup, pick: (snapshot: Snapshot) => number | undefined): number | undefined {
  const sizes = snapshots.map(({ snapshot }) => pick(snapshot));
  return sizes.some((size) => size === undefined) ? undefined : sizes.reduce<number>((sum, size) => sum + size!, 0);
}

export function backupJson(backup: Backup): Record<string, unknown> {
  return {
    name: backup.name,
    answers_to: backup.names,
    created: new Date(backup.createdMs).toISOString(),
    size: backup.sizeBytes ?? null,
    read: sumOf(backup, bytesReadOf) ?? null,
    new: sumOf(backup, (one) => one.summary?.data_added) ?? null,
    stored: sumOf(backup, (one) => one.summary?.data_added_packed) ?? null,
    kind: backup.kind ?? null,
    pinned: backup.isPinned,
    plan: backup.plan ?? null,
    description: backup.description ?? null,
    snapshots: backup.snapshots.map(({ id, snapshot }) => ({
      id,
      source: factsOf(snapshot).source ?? null,
      type: readKindOf(snapshot),
      time: snapshot.time,
      size: snapshot.summary?.total_bytes_processed ?? null,
    })),
  };
}

function rowJson({ backup, repository, verifiedMs }: ListedBackup): Record<string, unknown> {
  const verified = verifiedMs === undefined ? null : new Date(verifiedMs).toISOString();
  return { ...backupJson(backup), repository, verified };
}

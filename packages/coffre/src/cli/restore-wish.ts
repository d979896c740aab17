/** The words of a restore by name or moment, as one checked value. */
import { CoffreError } from '@coffre/repository';
import type { BackupWish } from '../named/choose-backup.ts';
import type { RestoreWhere } from '../named/restore-parts.ts';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { usage } from './values.ts';

export type NamedRestoreOptions = {
  readonly config?: string | undefined;
  readonly from?: string[] | undefined;
  readonly plan?: string | undefined;
  readonly source?: string | undefined;
  readonly name?: string | undefined;
  readonly latest?: true | undefined;
  readonly at?: string | undefined;
  readonly verifiedOnly?: true | undefined;
  readonly module?: string | undefined;
  readonly target?: string | undefined;
  readonly delete?: true | undefined;
  readonly overwrite?: string | undefined;
  readonly dryRun?: true | undefined;
  readonly confirm?: true | undefined;
  readonly emergency?: true | undefined;
  readonly preserveCurrent?: true | undefined;
  readonly preserve: boolean;
};

/** These make it a restore by name or moment, which restic does not have. */
export function meansNamedRestore(options: NamedRestoreOptions): boolean {
  const { name, latest, at, verifiedOnly, emergency, source, plan, module } = options;
  return (
    [name, at, source, plan, module].some((one) => one !== undefined) ||
    [latest, verifiedOnly, emergency].some((one) => one === true)
  );
}

/** @throws {CoffreError} USAGE */
export function refuseContradictions(names: readonly string[], options: NamedRestoreOptions): void {
  if (names.length > 0) {
    throw usage('a snapshot and --name, --latest or --at cannot be given together', 'Name the backup in one way.');
  }
  const ways = [options.name, options.latest, options.at].filter((one) => one !== undefined);
  if (ways.length > 1) throw usage('only one of --name, --latest and --at can be given');
  if (options.name !== undefined && options.verifiedOnly === true) {
    throw usage('--verified-only chooses among backups, and --name means one', 'That one is verified anyway.');
  }
  const both = options.preserveCurrent === true && !options.preserve;
  if (both) throw usage('--preserve-current and --no-preserve exclude each other');
  if (options.target === '') throw usage('--target is empty', 'Leave it out to restore in place.');
}

export function whereOf({ target }: NamedRestoreOptions): RestoreWhere {
  return target === undefined ? { kind: 'in-place' } : { kind: 'target', to: target };
}

export function wishOf(options: NamedRestoreOptions, zone: ZoneName): BackupWish {
  const { name, at, plan, source } = options;
  const which: BackupWish['which'] =
    name === undefined
      ? at === undefined
        ? { kind: 'latest' }
        : { kind: 'at', instantNs: parseMoment(at, zone) }
      : { kind: 'name', name };
  return { which, plan, source };
}

/**
 * `2026-08-20 14:00`, with seconds or without a time, on the clock of the zone; with an offset or Z as it says. Of an hour
 * that comes twice the second one is meant, and a day means its end: the newest backup up to then.
 * @throws {CoffreError} USAGE
 */
export function parseMoment(text: string, zone: ZoneName): bigint {
  const found = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text.trim());
  const [, day, time, offset] = found ?? [];
  try {
    if (day === undefined) throw new RangeError('no time');
    if (offset !== undefined) return Temporal.Instant.from(`${day}T${time}${offset}`).epochNanoseconds;
    if (time !== undefined) {
      return Temporal.PlainDateTime.from(`${day}T${time}`).toZonedDateTime(zone, { disambiguation: 'later' })
        .epochNanoseconds;
    }
    const next = Temporal.PlainDate.from(day).add({ days: 1 }).toZonedDateTime(zone);
    return next.epochNanoseconds - 1n;
  } catch (cause) {
    throw new CoffreError('USAGE', `--at needs a time, not ${JSON.stringify(text)}`, {
      hint: `Write it as '2026-08-20 14:00', on the clock of ${zone}, or with an offset: '2026-08-20T14:00+02:00'.`,
      cause,
    });
  }
}

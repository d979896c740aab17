/** Which snapshots a restore means: by name, the newest, or those of a moment. Reads nothing. Pure. */
import { CoffreError, isFutureDated, newestFirst, parseTimestamp, shortId, timestampNs } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { answeringTo, backupsOf } from './backups.ts';
import type { Backup } from './backups.ts';
import { factsOf } from './tags.ts';

export type BackupWish = {
  readonly which:
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'latest' }
    /** The newest that is not younger. */
    | { readonly kind: 'at'; readonly instantNs: bigint };
  readonly plan?: string | undefined;
  /** SITE/SOURCE. */
  readonly source?: string | undefined;
};

export type Candidates = {
  /** Undefined for snapshots that no plan made. */
  readonly source: string | undefined;
  /** The one that is meant first, then what may stand in for it; never empty. */
  readonly snapshots: readonly StoredSnapshot[];
};

type Surroundings = { readonly zone: ZoneName; readonly nowNs: bigint };

/**
 * One entry a source. A name means exactly one snapshot of each; a time means the newest one up to then, and those before
 * it can stand in when it is damaged. Copies made before a restore are found by name only.
 * @throws {CoffreError} SNAPSHOT_NOT_FOUND, USAGE when it could be several
 */
export function chooseBackup(
  snapshots: readonly StoredSnapshot[],
  wish: BackupWish,
  { zone, nowNs }: Surroundings,
): Candidates[] {
  const fitting = snapshots.filter(({ snapshot }) => {
    const { plan, source } = factsOf(snapshot);
    return (wish.plan === undefined || plan === wish.plan) && (wish.source === undefined || source === wish.source);
  });
  if (wish.which.kind === 'name') {
    const named = onlyBackup(backupsOf(snapshots, zone), fitting, wish.which.name);
    return named.map((stored) => ({ source: factsOf(stored.snapshot).source, snapshots: [stored] }));
  }
  const untilNs = wish.which.kind === 'at' ? wish.which.instantNs : nowNs;
  const usable = fitting.filter(
    ({ snapshot }) =>
      factsOf(snapshot).kind !== 'temp' &&
      !isFutureDated(snapshot, nowNs) &&
      (wish.which.kind === 'latest' || timestampNs(parseTimestamp(snapshot.time)) <= untilNs),
  );
  if (usable.length === 0) throw notFound(fitting, wish, zone);
  refuseSeveralPlans(usable, wish);
  return bySource(usable);
}

function onlyBackup(backups: readonly Backup[], fitting: readonly StoredSnapshot[], name: string): StoredSnapshot[] {
  const ids = new Set(fitting.map(({ id }) => id));
  const found = answeringTo(backups, name)
    .map(({ snapshots }) => snapshots.filter(({ id }) => ids.has(id)))
    .filter((members) => members.length > 0);
  const [only] = found;
  if (only === undefined) {
    throw new CoffreError('SNAPSHOT_NOT_FOUND', `no backup is called ${JSON.stringify(name)}`, {
      hint: '`coffre backup list` shows their names.',
    });
  }
  if (found.length === 1) return only;
  const ones = found.map((members) => `${planOf(members[0]!)} (${members.map(({ id }) => shortId(id)).join(', ')})`);
  throw new CoffreError('USAGE', `${found.length} backups are called ${JSON.stringify(name)}: ${ones.join('; ')}`, {
    hint: 'Add --plan or --source, or restore one by its id.',
  });
}

function planOf({ snapshot }: StoredSnapshot): string {
  return factsOf(snapshot).plan ?? 'no plan';
}

function notFound(fitting: readonly StoredSnapshot[], wish: BackupWish, zone: ZoneName): CoffreError {
  const [oldest] = newestFirst(fitting).toReversed();
  const of = wish.source ?? wish.plan;
  const what = of === undefined ? 'there is no backup' : `there is no backup of ${of}`;
  if (oldest === undefined || wish.which.kind !== 'at') {
    return new CoffreError('SNAPSHOT_NOT_FOUND', what, { hint: '`coffre backup list` shows what is there.' });
  }
  const instant = Temporal.Instant.fromEpochNanoseconds(wish.which.instantNs).toZonedDateTimeISO(zone);
  const first = Temporal.Instant.fromEpochNanoseconds(timestampNs(parseTimestamp(oldest.snapshot.time)));
  const text = (time: Temporal.ZonedDateTime): string =>
    time.toString({ smallestUnit: 'second', timeZoneName: 'never' }).replace('T', ' ');
  return new CoffreError('SNAPSHOT_NOT_FOUND', `${what} up to ${text(instant)}`, {
    hint: `The oldest is of ${text(first.toZonedDateTimeISO(zone))}.`,
  });
}

/** Sources of one plan belong together; what several plans saved does not. */
function refuseSeveralPlans(usable: readonly StoredSnapshot[], wish: BackupWish): void {
  if (wish.plan !== undefined || wish.source !== undefined) return;
  const plans = [...new Set(usable.map(({ snapshot }) => factsOf(snapshot).plan))];
  if (plans.length <= 1) return;
  const names = plans.filter((plan) => plan !== undefined).toSorted();
  throw new CoffreError('USAGE', 'there are backups of several plans', {
    hint: `Add --plan ${names.join(' or --plan ')}, or --source SITE/SOURCE.`,
  });
}

function bySource(snapshots: readonly StoredSnapshot[]): Candidates[] {
  const groups = Map.groupBy(newestFirst(snapshots), ({ snapshot }) => factsOf(snapshot).source);
  return [...groups].map(([source, members]) => ({ source, snapshots: members }));
}

/**
 * Backups as people count them: one run of a plan is one backup, however many sources it has, and each source is a snapshot.
 * Pure.
 */
import { newestFirst, parseTimestamp, shortId, timestampNs } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { automaticName, parseBackupName } from './backup-name.ts';
import { factsOf } from './tags.ts';
import type { BackupKind } from './tags.ts';

export type Backup = {
  /** The one that is shown: its own, that of its time, or the short id of a snapshot that no plan made. */
  readonly name: string;
  /** All that it answers to. */
  readonly names: readonly string[];
  /** Undefined for snapshots that no plan made. */
  readonly kind: BackupKind | undefined;
  readonly plan: string | undefined;
  readonly description: string | undefined;
  /** Of all its snapshots. */
  readonly isPinned: boolean;
  /** Of its oldest snapshot. */
  readonly createdMs: number;
  /** Of all its snapshots as they were saved; undefined where one does not say. */
  readonly sizeBytes: number | undefined;
  /** Oldest first; one a source. */
  readonly snapshots: readonly StoredSnapshot[];
  /** The same again under other tags: whoever changed them was killed before the old ones were removed. */
  readonly leftovers: readonly StoredSnapshot[];
};

/** Newest first. */
export function backupsOf(snapshots: readonly StoredSnapshot[], zone: ZoneName): Backup[] {
  const open = new Map<string, { readonly members: StoredSnapshot[]; readonly sources: Set<string> }>();
  const groups: StoredSnapshot[][] = [];
  const { kept, leftovers } = withoutTwins(snapshots);
  for (const stored of newestFirst(kept).toReversed()) {
    const { plan, kind, name, run, source } = factsOf(stored.snapshot);
    const isOurs = kind !== undefined && source !== undefined && (run ?? name) !== undefined;
    if (!isOurs) {
      groups.push([stored]);
      continue;
    }
    const key = JSON.stringify([plan, kind, name, run]);
    const group = open.get(key);
    // A second snapshot of the same source is another backup: runs are counted anew when the history was lost.
    if (group !== undefined && !group.sources.has(source)) {
      group.members.push(stored);
      group.sources.add(source);
      continue;
    }
    const members = [stored];
    open.set(key, { members, sources: new Set([source]) });
    groups.push(members);
  }
  return groups.map((members) => backupOf(members, leftovers, zone)).toReversed();
}

type Twins = {
  readonly kept: readonly StoredSnapshot[];
  readonly leftovers: ReadonlyMap<StoredSnapshot, readonly StoredSnapshot[]>;
};

/** Of those that differ in nothing but their pin, the pinned one counts. */
function withoutTwins(snapshots: readonly StoredSnapshot[]): Twins {
  const same = Map.groupBy(snapshots, ({ id, snapshot }) => {
    const { isPinned: _, ...facts } = factsOf(snapshot);
    return facts.source === undefined ? id : JSON.stringify([snapshot.tree, snapshot.time, facts]);
  });
  const chosen = [...same.values()].map((twins) => {
    const kept = twins.find(({ snapshot }) => factsOf(snapshot).isPinned) ?? twins[0]!;
    return [kept, twins.filter((one) => one !== kept)] as const;
  });
  return { kept: chosen.map(([one]) => one), leftovers: new Map(chosen) };
}

function backupOf(members: readonly StoredSnapshot[], leftovers: Twins['leftovers'], zone: ZoneName): Backup {
  const first = members[0]!;
  const { name, kind, plan, description } = factsOf(first.snapshot);
  const times = [...new Set(members.map(({ snapshot }) => automaticName(snapshot, zone)))];
  const manual = name === undefined ? [] : [name, `backup_manual_${name}`];
  const names = manual.length > 0 ? manual : kind === 'auto' ? times : members.map(({ id }) => shortId(id));
  const sizes = members.map(({ snapshot }) => snapshot.summary?.total_bytes_processed);
  return {
    name: names[0]!,
    names,
    kind,
    plan,
    description,
    isPinned: members.every(({ snapshot }) => factsOf(snapshot).isPinned),
    createdMs: Number(timestampNs(parseTimestamp(first.snapshot.time)) / 1_000_000n),
    sizeBytes: sizes.some((size) => size === undefined) ? undefined : sizes.reduce((sum, size) => sum! + size!, 0),
    snapshots: members,
    leftovers: members.flatMap((one) => leftovers.get(one) ?? []),
  };
}

/** Those that answer to it; a repository has one of each name, but two automatic ones may be of one second. */
export function answeringTo(backups: readonly Backup[], text: string): Backup[] {
  const wanted = text.normalize('NFC');
  return backups.filter(({ names }) => names.includes(wanted));
}

/** @throws {CoffreError} USAGE @returns those that have the name already */
export function usersOfName(snapshots: readonly StoredSnapshot[], text: string): StoredSnapshot[] {
  const wanted = parseBackupName(text);
  return snapshots.filter(({ snapshot }) => factsOf(snapshot).name === wanted);
}

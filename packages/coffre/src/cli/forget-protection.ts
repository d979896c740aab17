/** `forget --protect`: when each snapshot came, which ones a person accepted, and how the plan speaks of the others. */
import { join } from 'node:path';
import {
  createFileNote,
  isZeroSpan,
  meetSnapshots,
  messageOf,
  parseSpan,
  resolvePrefix,
  shortId,
} from '@coffre/repository';
import type {
  CalendarSpan,
  FlaggedSnapshot,
  ForgetGroup,
  Protection,
  SnapshotId,
  StoredSnapshot,
} from '@coffre/repository';
import { repositoryCache } from '../access/cache-folder.ts';
import type { Environment } from './global-options.ts';
import type { Session } from './session.ts';
import { usage } from './values.ts';

export type ProtectionWish = { readonly hold: CalendarSpan; readonly accept: readonly string[] };

export function readProtection(options: {
  readonly protect?: string | undefined;
  readonly accept?: readonly string[] | undefined;
}): ProtectionWish | undefined {
  const { protect, accept = [] } = options;
  if (protect === undefined) {
    if (accept.length > 0) throw usage('--accept is only applicable in combination with --protect');
    return undefined;
  }
  const hold = parseSpan(protect);
  if (isZeroSpan(hold)) throw usage('--protect needs a duration, such as 14d');
  return { hold, accept };
}

/** @param all every snapshot of the repository, not only those that a filter chose */
export async function protectionOf(
  session: Session,
  environment: Environment,
  { hold, accept }: ProtectionWish,
  all: readonly StoredSnapshot[],
): Promise<Protection> {
  const ids = all.map(({ id }) => id);
  const accepted = new Set(accept.map((prefix) => resolvePrefix(ids, prefix, 'snapshot')));
  if (all.every(({ storedMs }) => storedMs !== undefined)) return { hold, accepted };
  return { hold, accepted, firstSeenMs: await firstSeen(session, environment, ids) };
}

/** Kept beside the cache, where nobody who only reaches the storage can change it. */
async function firstSeen(
  { repository, printer, globals }: Session,
  environment: Environment,
  ids: readonly SnapshotId[],
): Promise<ReadonlyMap<SnapshotId, number>> {
  const { host, config } = repository;
  const nowMs = Number(host.clock.nowNs() / 1_000_000n);
  const folder = repositoryCache(globals, environment, config.id);
  const warn = (why: string): void =>
    printer.error(
      `Warning: the storage does not tell when snapshots came, and ${why}: all of them count as new and stay`,
    );
  if (folder === undefined) {
    warn('there is no cache folder to note it in');
    return new Map();
  }
  const note = createFileNote(join(folder, 'snapshots-seen.json'), host.random);
  try {
    const seen = meetSnapshots(await note.read(), ids, nowMs);
    await note.write(seen.text);
    return seen.firstSeenMs;
  } catch (error) {
    warn(`it cannot be noted here (${messageOf(error)})`);
    return new Map();
  }
}

const listedMax = 20;

/** Under the tables: who looks wrong and why, and what to do about it. */
export function protectionLines(groups: readonly ForgetGroup[]): string[] {
  const flagged = groups.flatMap((group) => group.flagged);
  const held = groups.reduce((count, group) => count + group.held.length, 0);
  const lines: string[] = [];
  if (held > 0)
    lines.push(`${held} new ${held === 1 ? 'snapshot stays and counts' : 'snapshots stay and count'} for no rule yet`);
  if (flagged.length === 0) return lines;
  lines.push(
    `${flagged.length} ${flagged.length === 1 ? 'snapshot looks wrong, stays and counts' : 'snapshots look wrong, stay and count'} for no rule:`,
    ...flagged.slice(0, listedMax).map(({ snapshot, reason }) => `  ${shortId(snapshot.id)} ${reason}`),
  );
  if (flagged.length > listedMax) lines.push(`  and ${flagged.length - listedMax} more; --json names all`);
  lines.push('if one is right: forget --accept ID; if not: forget ID');
  return lines;
}

export function protectionJson({ flagged, held }: ForgetGroup): Record<string, unknown> {
  const one = ({ snapshot: { id }, flag, reason }: FlaggedSnapshot): unknown => ({
    id,
    short_id: shortId(id),
    flag,
    reason,
  });
  return { flagged: flagged.map(one), held: held.map(({ id }) => id) };
}

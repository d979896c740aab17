/** Snapshots as restic shows them: the table, the heading of a group, the sentence, the JSON object. */
import { encodeSnapshot, shortId } from '@coffre/repository';
import type { GroupKey, StoredSnapshot } from '@coffre/repository';
import { quoteName } from './display.ts';
import { formatBytes } from './format.ts';
import { formatLocalTime, formatZonedTime, zoneName } from './local-time.ts';
import { tableLines } from './table.ts';

export type SnapshotTableOptions = {
  readonly compact: boolean;
  /** Why each is kept, in the order of the snapshots. */
  readonly reasons?: readonly (readonly string[])[];
  readonly tz: string | undefined;
};

/** Newest last, with a footer that counts. */
export function snapshotTable(snapshots: readonly StoredSnapshot[], options: SnapshotTableOptions): string[] {
  const { compact, reasons } = options;
  const rows = snapshots
    .map((stored, at) => ({ stored, reasons: reasons?.[at] ?? [], instant: Date.parse(stored.snapshot.time) }))
    .sort((a, b) => a.instant - b.instant);
  const hasSize = snapshots.some(({ snapshot }) => snapshot.summary !== undefined);
  const hasReasons = reasons !== undefined && !compact;
  const size = (text: string): string[] => (hasSize ? [text] : []);
  const columns = compact
    ? ['ID', 'Time', 'Host', 'Tags  ', ...size('Size')]
    : ['ID', 'Time', 'Host      ', 'Tags      ', ...(hasReasons ? ['Reasons'] : []), 'Paths', ...size('Size')];
  return tableLines({
    columns,
    rows: rows.map((row) => {
      const { id, snapshot } = row.stored;
      const tags = (snapshot.tags ?? []).map(quoteName);
      const head = [shortId(id), formatLocalTime(new Date(snapshot.time)), quoteName(snapshot.hostname ?? '')];
      const sizeText = snapshot.summary === undefined ? '' : formatBytes(snapshot.summary.total_bytes_processed);
      if (compact) return [...head, tags.join('\n'), ...size(sizeText)];
      const paths = snapshot.paths.map(quoteName).join('\n');
      return [...head, tags.join(','), ...(hasReasons ? [row.reasons.join('\n')] : []), paths, ...size(sizeText)];
    }),
    footer: [`Timestamps shown in ${zoneName(options.tz)}`, `${snapshots.length} snapshots`],
    spaced: !compact && snapshots.some(({ snapshot }) => snapshot.paths.length > 1),
  });
}

/** `snapshots for (host [web], paths [/srv]):`, or undefined when nothing was grouped by. */
export function groupHeading({ hostname, paths, tags }: GroupKey): string | undefined {
  const parts = [
    ...(hostname === '' ? [] : [`host [${quoteName(hostname)}]`]),
    ...(tags === null ? [] : [`tags [${tags.map(quoteName).join(', ')}]`]),
    ...(paths === null ? [] : [`paths [${paths.map(quoteName).join(', ')}]`]),
  ];
  return parts.length === 0 ? undefined : `snapshots for (${parts.join(', ')}):`;
}

/** `snapshot 1a2b3c4d of [/srv] at 2026-01-31 13:05:00 +0100 CET by root@web` */
export function snapshotSentence({ id, snapshot }: StoredSnapshot): string {
  const who = `${quoteName(snapshot.username ?? '')}@${quoteName(snapshot.hostname ?? '')}`;
  const what = snapshot.paths.map(quoteName).join(' ');
  return `snapshot ${shortId(id)} of [${what}] at ${formatZonedTime(snapshot.time)} by ${who}`;
}

/** The file's own keys in their order, then the id in full and short. */
export function snapshotJson({ id, snapshot }: StoredSnapshot): Record<string, unknown> {
  const fields = JSON.parse(encodeSnapshot(snapshot).toString('utf8')) as Record<string, unknown>;
  return { ...fields, id, short_id: shortId(id) };
}

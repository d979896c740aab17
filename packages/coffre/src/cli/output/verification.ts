/** How the promise "every pack is read again within this time" stands, in lines and in JSON. */
import type { Amount, ChosenReading, Coverage } from '@coffre/repository';
import { formatBytes, formatPercent } from './format.ts';
import { formatLocalTime } from './local-time.ts';

const hourMs = 3_600_000;

export function spanText(spanMs: number): string {
  const days = spanMs / (24 * hourMs);
  if (days >= 2 || Number.isInteger(days)) return `${Math.round(days)} ${Math.round(days) === 1 ? 'day' : 'days'}`;
  return `${Math.round(spanMs / hourMs)} hours`;
}

function amountText({ packs, bytes }: Amount): string {
  return `${packs} ${packs === 1 ? 'pack' : 'packs'} (${formatBytes(bytes)})`;
}

/** Before the reading: what must be read now, and why. */
export function readingLines(reading: ChosenReading, fullWithinMs: number): string[] {
  const { before, chosen, bytes, wished, isRaised, intervalMs = 0 } = reading;
  const lines: string[] = [];
  if (before !== undefined && before.overdue.packs > 0)
    lines.push(`overdue: ${amountText(before.overdue)} not read back for more than ${spanText(fullWithinMs)}`);
  const now = amountText({ packs: chosen.length, bytes });
  if (isRaised) {
    lines.push(
      `the subset of ${amountText(wished)} is too small to read everything within ${spanText(fullWithinMs)} with a check every ${spanText(intervalMs)}: reading ${now} instead`,
    );
  } else {
    lines.push(`read ${now}, those that were longest not read, for everything within ${spanText(fullWithinMs)}`);
  }
  return lines;
}

/** After it. */
export function coverageLines(coverage: Coverage, fullWithinMs: number): string[] {
  const { total, verified, neverRead, overdue, oldest } = coverage;
  const share = total.bytes === 0 ? '100.00%' : formatPercent(verified.bytes, total.bytes);
  const lines = [
    `read back within ${spanText(fullWithinMs)}: ${amountText(verified)} of ${amountText(total)}, ${share}`,
  ];
  if (overdue.packs > 0) lines.push(`still overdue: ${amountText(overdue)}`);
  if (oldest === undefined) return lines;
  if (oldest.readMs !== undefined) {
    lines.push(`every pack was read back since ${formatLocalTime(new Date(oldest.readMs))}`);
    return lines;
  }
  const dueText = formatLocalTime(new Date(oldest.seenMs + fullWithinMs));
  lines.push(`not read back yet: ${amountText(neverRead)}, the oldest is ${oldest.id.slice(0, 8)}, due by ${dueText}`);
  return lines;
}

export function coverageJson(
  coverage: Coverage,
  fullWithinMs: number,
  reading: ChosenReading | undefined,
): Record<string, unknown> {
  const { total, verified, neverRead, overdue, oldest } = coverage;
  const time = (timeMs: number | undefined): string | null =>
    timeMs === undefined ? null : new Date(timeMs).toISOString();
  return {
    full_within_seconds: fullWithinMs / 1000,
    packs: total.packs,
    bytes: total.bytes,
    packs_read: reading?.chosen.length ?? 0,
    bytes_read: reading?.bytes ?? 0,
    subset_too_small: reading?.isRaised ?? false,
    verified_packs: verified.packs,
    verified_bytes: verified.bytes,
    verified_share: total.bytes === 0 ? 1 : verified.bytes / total.bytes,
    never_read_packs: neverRead.packs,
    never_read_bytes: neverRead.bytes,
    overdue_packs: overdue.packs,
    overdue_bytes: overdue.bytes,
    full_coverage_since: neverRead.packs > 0 ? null : time(oldest?.readMs),
    oldest_unread_pack:
      oldest === undefined ? null : { id: oldest.id, last_read: time(oldest.readMs), first_seen: time(oldest.seenMs) },
  };
}

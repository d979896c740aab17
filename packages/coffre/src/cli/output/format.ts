/** Sizes, shares and durations as restic prints them, so that programs which read its lines read ours. */

const units = [
  { name: 'TiB', shift: 40n },
  { name: 'GiB', shift: 30n },
  { name: 'MiB', shift: 20n },
  { name: 'KiB', shift: 10n },
] as const;

/** `1.500 KiB`; a tie in the third digit goes to the even one, as Go rounds and `toFixed` does not. */
export function formatBytes(sizeBytes: number | bigint): string {
  const size = BigInt(sizeBytes);
  for (const { name, shift } of units) {
    const unit = 1n << shift;
    if (size >= unit) return `${thousandths(size, unit)} ${name}`;
  }
  return `${size} B`;
}

function thousandths(size: bigint, unit: bigint): string {
  const scaled = size * 1000n;
  const rest = (scaled % unit) * 2n;
  let rounded = scaled / unit;
  if (rest > unit || (rest === unit && rounded % 2n === 1n)) rounded += 1n;
  return `${rounded / 1000n}.${(rounded % 1000n).toString().padStart(3, '0')}`;
}

/** Fixed digits with ties to even. */
export function formatFixed(value: number, digits: number): string {
  const exact = value.toFixed(Math.min(100, digits + 50));
  const cut = exact.length - (Math.min(100, digits + 50) - digits);
  const kept = exact.slice(0, cut);
  const isTie = /^50*$/.test(exact.slice(cut));
  const lastIsEven = Number(kept.at(-1) === '.' ? kept.at(-2) : kept.at(-1)) % 2 === 0;
  if (isTie && lastIsEven) return digits === 0 ? kept.replace(/\.$/, '') : kept;
  return value.toFixed(digits);
}

/** `12.50%`, never above 100; empty when the whole is nothing. */
export function formatPercent(part: number, whole: number): string {
  if (whole === 0) return '';
  return `${formatFixed(Math.min(100, (100 * part) / whole), 2)}%`;
}

/** `1:02:03` or `2:03`; fractions are cut. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.trunc(seconds));
  const hours = Math.trunc(whole / 3600);
  const minutes = Math.trunc((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

export function formatDurationMs(durationMs: number): string {
  return formatSeconds(durationMs / 1000);
}

/** Go's `time.Duration` text, for the few lines that print one: `3ms`, `1.5s`, `2m3s`. */
export function formatGoDuration(durationMs: number): string {
  if (durationMs < 1) return `${Math.round(durationMs * 1e6) / 1000}µs`;
  if (durationMs < 1000) return `${trimZeros(durationMs)}ms`;
  const seconds = durationMs / 1000;
  const hours = Math.trunc(seconds / 3600);
  const minutes = Math.trunc((seconds % 3600) / 60);
  const rest = `${trimZeros(seconds % 60)}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

function trimZeros(value: number): string {
  return value.toFixed(9).replace(/\.?0+$/, '');
}

/** Right-aligned whole number, as `%5d`. */
export function column(value: number | bigint, width = 5): string {
  return String(value).padStart(width);
}

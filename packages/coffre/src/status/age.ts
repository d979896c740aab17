/** How long, as people say it: one unit, cut and never rounded up, so that nothing seems older or newer by a unit. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** `45 s`, `12 min`, `47 h`, `3 d`. @param day `d`, or `j` in French */
export function ageText(durationMs: number, day = 'd'): string {
  const wholeMs = Math.max(0, durationMs);
  if (wholeMs < minuteMs) return `${Math.floor(wholeMs / 1000)} s`;
  if (wholeMs < 2 * hourMs) return `${Math.floor(wholeMs / minuteMs)} min`;
  if (wholeMs < 2 * dayMs) return `${Math.floor(wholeMs / hourMs)} h`;
  return `${Math.floor(wholeMs / dayMs)} ${day}`;
}

/** A promise as it was written: `1 h`, `90 min`, `36 h`, `7 d`. */
export function spanText(durationMs: number, day = 'd'): string {
  const units = [
    [dayMs, day],
    [hourMs, 'h'],
    [minuteMs, 'min'],
    [1000, 's'],
  ] as const;
  const [sizeMs, unit] = units.find(([size]) => durationMs >= size && durationMs % size === 0) ?? [1000, 's'];
  return `${Math.round(durationMs / sizeMs)} ${unit}`;
}

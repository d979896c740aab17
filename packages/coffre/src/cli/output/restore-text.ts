/** How long a restore is thought to take, for people. */
import type { RunFigures } from '../../run/run-figures.ts';
import type { RunMessageOf } from '../../run/run-message.ts';
import { formatBytes } from './format.ts';

/** `under 1 s`, `about 8 s`, `about 3 min`, `about 2 h 10 min`, `about 3 d 4 h`. */
export function aboutText(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  if (durationMs < 1000) return 'under 1 s';
  if (seconds < 100) return `about ${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 100) return `about ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `about ${hours} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return `about ${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
}

/** Said wherever nothing was measured. */
export const notMeasured = 'not measured yet';

/**
 * One line of what sources take together, one after the other; undefined where nothing is known.
 * @param saved figures of each of them
 */
export function restoreLine(saved: readonly RunFigures[]): string | undefined {
  const known = saved.filter(({ restoreEstimateMs }) => restoreEstimateMs !== undefined);
  if (known.length === 0) return undefined;
  const sum = (pick: (figures: RunFigures) => number | undefined): number | undefined => {
    const values = known.map(pick);
    return values.some((value) => value === undefined) ? undefined : values.reduce<number>((a, b) => a + b!, 0);
  };
  const views = [
    viewText(
      'full',
      sum((one) => one.restoreEstimateMs),
      sum((one) => one.bytesTotal),
    ),
    viewText(
      'differential',
      sum((one) => one.differentialEstimateMs),
      sum((one) => one.bytesSinceFull),
    ),
    viewText(
      'incremental',
      sum((one) => one.incrementalEstimateMs),
      sum((one) => one.bytesNew),
    ),
  ].filter((text) => text !== undefined);
  const isMeasured = known.every(({ restoreMeasured }) => restoreMeasured === 1);
  return `restore, estimated: ${views.join(', ')}${isMeasured ? '' : `; ${notMeasured}, 25 MiB/s assumed`}`;
}

/** `lyon/shop: read 2.000 MiB, new 1.000 MiB, stored 0.500 MiB; restore, estimated: full about 2 s (40.000 MiB), …` */
export function savedText({ source, figures }: RunMessageOf<'saved'>): string {
  const size = (bytes: number | undefined): string => (bytes === undefined ? 'unknown' : formatBytes(bytes));
  const { bytesRead, bytesNew, bytesStored } = figures;
  const amounts = `read ${size(bytesRead)}, new ${size(bytesNew)}, stored ${size(bytesStored)}`;
  return [`${source}: ${amounts}`, restoreLine([figures])].filter((part) => part !== undefined).join('; ');
}

function viewText(name: string, durationMs: number | undefined, sizeBytes: number | undefined): string | undefined {
  if (durationMs === undefined) return undefined;
  const size = sizeBytes === undefined ? '' : ` (${formatBytes(sizeBytes)})`;
  return `${name} ${aboutText(durationMs)}${size}`;
}

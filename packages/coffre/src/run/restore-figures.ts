/** What a run says of the restore of what it just saved: how much in each view, and how long from what was measured. */
import { isCoffreError } from '@coffre/repository';
import { measuresOf, restoreMs, restoreRate } from '../named/restore-estimate.ts';
import type { RestoreMeasure } from '../named/restore-estimate.ts';
import type { BackupViews } from '../named/restore-views.ts';
import { measuredRuns } from '../store/restore-measures.ts';
import type { Rows } from '../store/store.ts';
import type { RunFigures } from './run-figures.ts';

export type SavedTrack = { readonly plan: string; readonly source: string; readonly repository: string };

/** Pure. @param measures newest first */
export function restoreFigures(
  { type, views }: BackupViews,
  measures: readonly RestoreMeasure[],
  source: string,
): RunFigures {
  const sizeOf = (wanted: string): number | undefined => views.find(({ name }) => name === wanted)?.sizeBytes;
  const full = sizeOf('full');
  if (full === undefined) return {};
  const rate = restoreRate(measures, source, full);
  const [since, before] = [sizeOf('differential'), sizeOf('incremental')];
  return {
    restoreEstimateMs: restoreMs(full, rate),
    ...(since === undefined ? {} : { bytesSinceFull: since, differentialEstimateMs: restoreMs(since, rate) }),
    ...(before === undefined ? {} : { incrementalEstimateMs: restoreMs(before, rate) }),
    ...(type === 'full' ? { readFull: 1 } : {}),
    ...(rate.basis === 'assumed' ? {} : { restoreMeasured: 1 }),
  };
}

/** This run's own proof counts first. A history that cannot be read leaves what is assumed. */
export async function foreseeRestore(
  rows: Rows,
  track: SavedTrack,
  views: BackupViews,
  own: RunFigures,
): Promise<RunFigures> {
  const { source } = track;
  const known = await measuredRuns(rows, track).catch((error: unknown) => {
    if (!isCoffreError(error) || !error.code.startsWith('STORE_')) throw error;
    return [];
  });
  const measures = [{ kind: 'source' as const, source, figures: { ...own } }, ...known].flatMap(measuresOf);
  return restoreFigures(views, measures, source);
}

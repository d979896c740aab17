/**
 * Continuous mode: a database is saved soon after it was written, and never more often than its interval. What is done next
 * is decided by `nextStep`, which is pure; `watchDatabases` looks once a second and says when something is to be saved.
 *
 * The daemon runs `watchDatabases` for each plan with sources of type `sqlite` that have `continuous`, for as long as the
 * plan is enabled; its `save` asks for a run of the plan with the cause `change`. `coffre run PLAN --continuous` does the
 * same in the foreground.
 */
import { CoffreError, messageOf, type Clock } from '@coffre/repository';
import { changeMarkOf, type ChangeMark } from './change-mark.ts';

export type WatchState = {
  /** Of the last save that succeeded: what was seen before it began. */
  readonly savedMark: ChangeMark | undefined;
  /** When the last save began, whatever became of it; on the monotonic clock. */
  readonly startedMs: number | undefined;
};

export type WatchStep = { readonly kind: 'save' } | { readonly kind: 'wait'; readonly forMs: number };

export const pollMs = 1000;

/** @param mark as it is now; undefined when there is no database */
export function nextStep(
  { savedMark, startedMs }: WatchState,
  mark: ChangeMark | undefined,
  intervalMs: number,
  nowMs: number,
): WatchStep {
  if (mark === undefined || mark === savedMark) return { kind: 'wait', forMs: pollMs };
  const leftMs = startedMs === undefined ? 0 : startedMs + intervalMs - nowMs;
  return leftMs <= 0 ? { kind: 'save' } : { kind: 'wait', forMs: Math.min(leftMs, pollMs) };
}

const smallBytes = 16 * 1024 * 1024;
const mediumBytes = 256 * 1024 * 1024;

/** Where none was said: a save of a small database takes a fraction of a second, of a large one some. */
export function usualIntervalMs(sizeBytes: number): number {
  if (sizeBytes <= smallBytes) return 5000;
  return sizeBytes <= mediumBytes ? 30_000 : 60_000;
}

export type WatchedDatabase = {
  readonly path: string;
  /** At most one save in this time; by its size when undefined. */
  readonly intervalMs: number | undefined;
};

export type DatabaseWatch = {
  readonly databases: readonly WatchedDatabase[];
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Saves, or asks for it; a rejection is told and tried again after the interval. */
  readonly save: (changed: readonly string[]) => Promise<void>;
  readonly warn: (line: string) => void;
};

/** Until its signal ends it. The first look saves every database: what happened before is not known. */
export async function watchDatabases({ databases, clock, signal, save, warn }: DatabaseWatch): Promise<void> {
  const states = new Map<string, WatchState>();
  const missing = new Set<string>();
  while (!signal.aborted) {
    let waitMs = pollMs;
    const due: { path: string; mark: ChangeMark }[] = [];
    for (const { path, intervalMs } of databases) {
      const state = states.get(path) ?? { savedMark: undefined, startedMs: undefined };
      const seen = changeMarkOf(path);
      if (seen === undefined && !missing.has(path)) warn(`there is no database ${path}; it is waited for`);
      if (seen === undefined) missing.add(path);
      else missing.delete(path);
      const interval = intervalMs ?? usualIntervalMs(seen?.sizeBytes ?? 0);
      const step = nextStep(state, seen?.mark, interval, clock.monotonicMs());
      if (step.kind === 'wait') waitMs = Math.min(waitMs, step.forMs);
      else if (seen !== undefined) due.push({ path, mark: seen.mark });
    }
    if (due.length === 0) {
      await sleepUntil(clock, waitMs, signal);
      continue;
    }
    const startedMs = clock.monotonicMs();
    const isSaved = await tried(
      save,
      due.map(({ path }) => path),
      warn,
      signal,
    );
    for (const { path, mark } of due) {
      // What was written while it was saved differs from the mark, and is saved next.
      states.set(path, { savedMark: isSaved ? mark : states.get(path)?.savedMark, startedMs });
    }
  }
}

async function tried(
  save: DatabaseWatch['save'],
  paths: readonly string[],
  warn: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await save(paths);
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    const hint = error instanceof CoffreError && error.hint !== undefined ? ` (${error.hint})` : '';
    warn(`not saved, tried again later: ${messageOf(error)}${hint}`);
    return false;
  }
}

async function sleepUntil(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

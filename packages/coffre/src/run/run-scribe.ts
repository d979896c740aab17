/**
 * Tells what a run does to whoever started it, to its log, and to the history. A history that cannot be written stops no
 * backup: it is tried again, then said, and the run counts as one with a warning.
 */
import { isCoffreError, messageOf, type ErrorCode, type SnapshotId } from '@coffre/repository';
import type { RepositoryName, SourceName } from '../config/config.ts';
import { failureCause } from '../store/failure-cause.ts';
import { countFailure } from '../store/failure-counts.ts';
import { endRun, startRun, type NewRun, type RunKind, type RunOutcome } from '../store/runs.ts';
import type { Rows, Store } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import type { FigureName, RunFigures } from './run-figures.ts';
import type { RunLog } from './run-log.ts';
import type { LineLevel, RunMessage, RunPhase, RunProgress } from './run-message.ts';
import type { PartResult } from './run-request.ts';

export type ScribeParts = {
  readonly store: Store;
  readonly tell: (message: RunMessage) => void;
  readonly log: RunLog;
  readonly clock: {
    readonly nowNs: () => bigint;
    readonly monotonicMs: () => number;
    readonly sleep: (delayMs: number) => Promise<void>;
  };
};

export type Ended = {
  readonly outcome: RunOutcome;
  readonly reason?: string | undefined;
  readonly code?: ErrorCode | undefined;
  readonly hint?: string | undefined;
  readonly figures?: RunFigures;
  readonly snapshots?: readonly SnapshotId[];
};

const triesMax = 5;
const waitMs = 1000;

export class RunScribe {
  readonly parts: PartResult[] = [];
  /** True when something could not be written down. */
  historyLacks = false;
  readonly #parts: ScribeParts;

  constructor(parts: ScribeParts) {
    this.#parts = parts;
  }

  get monotonicMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  tell(message: RunMessage): void {
    this.#parts.log.write(message, Number(this.#parts.clock.nowNs() / 1_000_000n));
    this.#parts.tell(message);
  }

  readonly say = (level: LineLevel, text: string): void => this.tell({ type: 'line', level, text });

  phase(phase: RunPhase, about: { readonly source?: string; readonly repository?: string } = {}): void {
    this.tell({ type: 'phase', phase, ...about });
  }

  progress(progress: Omit<RunProgress, 'atMs'>): void {
    this.tell({ type: 'progress', atMs: this.monotonicMs, ...progress });
  }

  async start(run: NewRun): Promise<RunId | undefined> {
    return await this.#write(async () => await startRun(this.#parts.store, run));
  }

  /** @param also is written with it or not at all */
  async end(id: RunId | undefined, ended: Ended, also?: (rows: Rows) => Promise<unknown>): Promise<void> {
    if (id === undefined) return;
    const { outcome, reason, code, figures, snapshots } = ended;
    const write = async (rows: Rows): Promise<boolean> =>
      await endRun(rows, id, {
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(code === undefined ? {} : { code }),
        ...(figures === undefined ? {} : { figures }),
        ...(snapshots === undefined ? {} : { snapshots }),
      });
    const { store } = this.#parts;
    await this.#write(async () => {
      if (also === undefined) return await write(store);
      return await store.transaction(async (rows) => {
        // What another one ended before is its business.
        if (await write(rows)) await also(rows);
      });
    });
  }

  async startPart(run: NewRun, kind: RunKind, repository: RepositoryName, source?: SourceName): Promise<RunPart> {
    const id = await this.start({ ...run, kind, repository, ...(source === undefined ? {} : { source }) });
    return new RunPart(this, { id, kind, repository, source }, run.plan);
  }

  async #write<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isCoffreError(error) || !error.code.startsWith('STORE_')) throw error;
        // What was waited for in vain is not waited for again.
        if (tries < triesMax && !this.historyLacks) {
          await this.#parts.clock.sleep(waitMs);
          continue;
        }
        this.historyLacks = true;
        this.say('warning', `the history cannot be written: ${messageOf(error)}`);
        return undefined;
      }
    }
  }
}

type About = {
  readonly id: RunId | undefined;
  readonly kind: RunKind;
  readonly repository: RepositoryName;
  readonly source: SourceName | undefined;
};

/** One row below the run, with the time of each of its phases. */
export class RunPart {
  readonly about: About;
  readonly #scribe: RunScribe;
  readonly #plan: string;
  readonly #startedMs: number;
  readonly #spent = new Map<FigureName, number>();

  constructor(scribe: RunScribe, about: About, plan: string) {
    this.#scribe = scribe;
    this.#plan = plan;
    this.about = about;
    this.#startedMs = scribe.monotonicMs;
  }

  /** Times add up: hooks run before and after. */
  spend(phase: Extract<FigureName, `${string}Ms`>, durationMs: number): void {
    this.#spent.set(phase, Math.round((this.#spent.get(phase) ?? 0) + durationMs));
  }

  async timed<T>(phase: Extract<FigureName, `${string}Ms`>, work: () => Promise<T>): Promise<T> {
    const startedMs = this.#scribe.monotonicMs;
    try {
      return await work();
    } finally {
      this.spend(phase, this.#scribe.monotonicMs - startedMs);
    }
  }

  async end(ended: Ended): Promise<PartResult> {
    const figures: RunFigures = { ...ended.figures, ...Object.fromEntries(this.#spent) };
    const { kind, source } = this.about;
    const plan = this.#plan;
    const count =
      kind === 'source' && source !== undefined
        ? async (rows: Rows) => await countFailure(rows, { plan, source, ...ended })
        : undefined;
    await this.#scribe.end(this.about.id, { ...ended, figures }, count);
    const result: PartResult = {
      ...this.about,
      outcome: ended.outcome,
      reason: ended.reason,
      code: ended.code,
      cause: failureCause(ended.outcome, ended.code),
      hint: ended.hint,
      snapshot: ended.snapshots?.at(-1),
      figures,
      durationMs: Math.round(this.#scribe.monotonicMs - this.#startedMs),
    };
    this.#scribe.parts.push(result);
    return result;
  }
}

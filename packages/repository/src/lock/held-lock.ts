/** A lock that is held: refreshed while it lives, frozen when that fails, removed in the end. */
import { isCoffreError } from '../errors.ts';
import type { LockId } from '../ids.ts';
import { assertFree } from './acquire.ts';
import type { LockContext } from './acquire.ts';
import { lockTimes } from './lock-rules.ts';
import { removeLock, writeLock } from './lock-store.ts';
import { lostError } from './lock-words.ts';

/** Often enough to notice a wake-up from sleep before much was written. */
const lookMs = 5000;
/** After a refresh that failed; several fit before the freeze. */
const refreshRetryMs = 60_000;

export class HeldLock implements AsyncDisposable {
  readonly exclusive: boolean;
  /** Aborts with REPO_LOCK_LOST when the lock could not be kept. */
  readonly signal: AbortSignal;
  readonly #context: LockContext;
  readonly #lost = new AbortController();
  readonly #ending = new AbortController();
  readonly #hangup: Disposable;
  readonly #keeping: Promise<void>;
  /** Ours in the storage: one, or two around a refresh. */
  readonly #own = new Set<LockId>();
  #current: LockId | undefined;
  #refreshed: { nowNs: bigint; monotonicMs: number };
  #rescue: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  /** Without an id nothing is held: reading where no lock could be written. */
  constructor(context: LockContext, id: LockId | undefined) {
    this.#context = context;
    this.exclusive = context.wish === 'exclusive';
    this.signal = this.#lost.signal;
    this.#current = id;
    if (id !== undefined) this.#own.add(id);
    this.#refreshed = this.#now();
    this.#hangup = context.processes.ignoreHangup();
    this.#keeping = id === undefined ? Promise.resolve() : this.#keep();
  }

  /** The file in the storage now; undefined when reading without a lock. */
  get id(): LockId | undefined {
    return this.#current;
  }

  /** Awaited before every write: holds it back while the lock is in doubt. @throws {CoffreError} REPO_LOCK_LOST */
  async fresh(): Promise<void> {
    if (this.#released !== undefined) return;
    this.signal.throwIfAborted();
    if (this.#rescue === undefined && !this.#isInDoubt()) return;
    await this.#rescueOnce();
    this.signal.throwIfAborted();
  }

  release(): Promise<void> {
    return (this.#released ??= this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #keep(): Promise<void> {
    const { clock } = this.#context.store.host;
    let nextMs = clock.monotonicMs() + lockTimes.refreshMs;
    while (!this.signal.aborted) {
      try {
        await clock.sleep(lookMs, this.#ending.signal);
      } catch {
        return;
      }
      if (this.#isInDoubt()) {
        await this.#rescueOnce();
      } else if (clock.monotonicMs() >= nextMs || this.#ageMs() >= lockTimes.refreshMs + refreshRetryMs) {
        await this.#refresh();
      } else {
        continue;
      }
      nextMs = clock.monotonicMs() + (this.#ageMs() < lookMs ? lockTimes.refreshMs : refreshRetryMs);
    }
  }

  /** Sleep of the machine stops one of the clocks; somebody setting the time moves the other. */
  #ageMs(): number {
    const now = this.#now();
    const calendarMs = Number((now.nowNs - this.#refreshed.nowNs) / 1_000_000n);
    return Math.max(calendarMs, now.monotonicMs - this.#refreshed.monotonicMs);
  }

  #isInDoubt(): boolean {
    return this.#current !== undefined && this.#ageMs() >= lockTimes.freezeMs;
  }

  async #refresh(): Promise<void> {
    const { store } = this.#context;
    try {
      await this.#writeNext();
      if (await this.#removeAllBut(this.#current)) return;
      // Somebody removed ours. If nobody else came in since, the new one is as good.
      await assertFree(this.#context, this.#own);
      store.host.warn({ about: 'our lock was written again', error: lostError('somebody removed it') });
    } catch (error) {
      if (isCoffreError(error, 'REPO_LOCKED'))
        return this.#lose(lostError('somebody removed it and took their own', error));
      store.host.warn({ about: 'the lock could not be refreshed yet', error });
    }
  }

  async #writeNext(): Promise<void> {
    const { store, wish, processes } = this.#context;
    const now = this.#now();
    const id = await writeLock(store, wish === 'exclusive', processes.space);
    this.#own.add(id);
    this.#current = id;
    this.#refreshed = now;
  }

  /** Whether the one before was still there. What cannot be removed now is tried again at the next refresh. */
  async #removeAllBut(current: LockId | undefined): Promise<boolean> {
    const { store } = this.#context;
    let wereThere = true;
    for (const id of this.#own) {
      if (id === current) continue;
      try {
        wereThere = (await removeLock(store, id)) && wereThere;
        this.#own.delete(id);
      } catch (error) {
        store.host.warn({ about: 'our lock of before the refresh cannot be removed yet', error });
      }
    }
    return wereThere;
  }

  #rescueOnce(): Promise<void> {
    this.#rescue ??= this.#tryRescue()
      .catch((error: unknown) => this.#lose(error))
      .finally(() => (this.#rescue = undefined));
    return this.#rescue;
  }

  /**
   * Others may call our lock stale soon, or did so already. It is saved if it was never removed: it must be there before
   * the new one is written, and still after everybody had the time to see the new one.
   */
  async #tryRescue(): Promise<void> {
    const { store } = this.#context;
    const old = this.#current;
    const since = this.#refreshed;
    const isThere = async (): Promise<boolean> => (await store.listIds('locks')).some(({ id }) => id === old);
    try {
      if (!(await isThere())) throw lostError('it was removed while it could not be refreshed');
      await this.#writeNext();
      await store.host.clock.sleep(lockTimes.settleMs);
      if (!(await isThere())) throw lostError('it was removed while it was written again');
      await this.#removeAllBut(this.#current);
    } catch (error) {
      this.#refreshed = since;
      throw isCoffreError(error, 'REPO_LOCK_LOST') ? error : lostError('it could not be refreshed in time', error);
    }
  }

  #lose(error: unknown): void {
    this.#lost.abort(error);
  }

  async #release(): Promise<void> {
    const { store } = this.#context;
    this.#ending.abort();
    await this.#keeping;
    await this.#rescue;
    for (const id of this.#own) {
      await removeLock(store, id).catch((error: unknown) => {
        store.host.warn({ about: 'our lock could not be removed; it is stale in half an hour', error });
      });
    }
    this.#hangup[Symbol.dispose]();
  }

  #now(): { nowNs: bigint; monotonicMs: number } {
    const { clock } = this.#context.store.host;
    return { nowNs: clock.nowNs(), monotonicMs: clock.monotonicMs() };
  }
}

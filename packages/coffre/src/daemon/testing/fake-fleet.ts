/** Managers on one state, with clocks that can be bent and runs that only pretend: everything but the state is simulated. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { Machine } from '../../run/run-surroundings.ts';
import { endLease, takeLease } from '../../store/leases.ts';
import { endRun, startRun } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import type { DaemonClock } from '../daemon-clock.ts';
import { Daemon } from '../daemon.ts';
import type { ProcessEnd, RunCall, RunProcess, StartRunProcess } from '../run-process.ts';
import { configOf } from './scene.ts';

type Timer = { atMs: number; readonly call: () => void; readonly owner: number };
type Fate = { readonly takesMs: number; readonly outcome: 'success' | 'failed' | 'killed' };

/** Between an answer and the next question are promises only. */
const quietTurns = 10;

export class FakeFleet {
  wallMs: number;
  #monotonicMs = 1_000_000;
  #timers: Timer[] = [];
  #pid = 100;
  readonly #alive = new Set<number>();
  /** Plans that run now; no plan does twice. */
  readonly #running = new Set<string>();
  readonly #plans: string;
  readonly #asked = new Asked();
  fate: () => Fate = () => ({ takesMs: 60_000, outcome: 'success' });

  constructor(startMs: number, plans: string) {
    this.wallMs = startMs;
    this.#plans = plans;
  }

  /** For the state: all its users share it. */
  readonly clock = { nowNs: (): bigint => BigInt(Math.floor(this.wallMs)) * 1_000_000n };

  async start(store: Store): Promise<FakeManager> {
    this.#asked.of(store);
    this.#pid += 1;
    const pid = this.#pid;
    this.#alive.add(pid);
    const clock = this.#clockOf(pid);
    const machine: Machine = { host: 'here', pid, bootId: 'boot', isAlive: (one) => this.#alive.has(one) };
    const children = new Set<FakeProcess>();
    const startProcess: StartRunProcess = (call, onMessage) => {
      const child = new FakeProcess(this.#births(call, store, machine), onMessage);
      children.add(child);
      return child;
    };
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const daemon = new Daemon({
      stateFolder: `/nowhere/${pid}`,
      configName: 'coffre.yaml',
      readConfig: async () => configOf(this.#plans),
      store,
      clock,
      log,
      machine,
      startProcess,
      configWords: [],
      heldPauseMs: 120_000,
      managerLeaseMs: 480_000,
      settleMs: 60_000,
    });
    await daemon.start(configOf(this.#plans));
    return {
      daemon,
      kill: () => {
        this.#alive.delete(pid);
        this.#timers = this.#timers.filter(({ owner }) => owner !== pid);
        for (const child of children) child.die();
      },
    };
  }

  #births(call: RunCall, store: Store, machine: Machine): Births {
    this.#pid += 1;
    const pid = this.#pid;
    const plan = call.words[1]!;
    this.#alive.add(pid);
    return {
      pid,
      plan,
      store,
      machine,
      purpose: JSON.parse(call.environment['COFFRE_RUN_FOR']!) as Births['purpose'],
      fate: this.fate(),
      clock: this.#clockOf(pid),
      began: () => {
        assert.ok(!this.#running.has(plan), `${plan} runs twice at once`);
        this.#running.add(plan);
      },
      gone: (hasBegun) => {
        this.#alive.delete(pid);
        if (hasBegun) this.#running.delete(plan);
      },
    };
  }

  /** Awake: timers fire in their order, and each moment comes to its end before the next. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + durationMs;
    for (;;) {
      await this.#settle();
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#move(Math.max(0, next.atMs - this.#monotonicMs));
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.call();
    }
    this.#move(untilMs - this.#monotonicMs);
  }

  /** Timers and runs stand still. */
  sleep(durationMs: number): void {
    this.wallMs += durationMs;
  }

  #move(durationMs: number): void {
    this.wallMs += durationMs;
    this.#monotonicMs += durationMs;
  }

  /** Until nobody waits for an answer of the state, and none of the answers led to another question. */
  async #settle(): Promise<void> {
    for (let turns = 0; turns < quietTurns; turns += 1) {
      if (this.#asked.isWaiting) turns = 0;
      await this.#asked.answered();
      await turn();
    }
  }

  #clockOf(owner: number): DaemonClock {
    return {
      now: () => ({ wallMs: this.wallMs, monotonicMs: this.#monotonicMs }),
      after: (delayMs, call) => {
        const timer: Timer = { atMs: this.#monotonicMs + delayMs, call, owner };
        if (this.#alive.has(owner)) this.#timers.push(timer);
        return { [Symbol.dispose]: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
      },
    };
  }
}

/** Which questions to the state are without an answer: whole transactions, so that none is left in its middle. */
class Asked {
  readonly #watched = new WeakSet<Store>();
  #open = 0;
  #all = Promise.withResolvers<void>();

  get isWaiting(): boolean {
    return this.#open > 0;
  }

  async answered(): Promise<void> {
    if (this.#open > 0) await this.#all.promise;
  }

  of(store: Store): void {
    if (this.#watched.has(store)) return;
    this.#watched.add(store);
    const executor = store.db.getExecutor();
    const provide = executor.provideConnection.bind(executor);
    executor.provideConnection = async (consumer) => {
      if (this.#open === 0) this.#all = Promise.withResolvers<void>();
      this.#open += 1;
      try {
        return await provide(consumer);
      } finally {
        this.#open -= 1;
        if (this.#open === 0) this.#all.resolve();
      }
    };
  }
}

export type FakeManager = {
  readonly daemon: Daemon;
  /** It and its runs end in this moment, without a word. */
  kill(): void;
};

type Births = {
  readonly pid: number;
  readonly plan: string;
  readonly store: Store;
  readonly machine: Machine;
  readonly purpose: { readonly slots?: { readonly lastDueMs: number } };
  readonly fate: Fate;
  readonly clock: DaemonClock;
  readonly began: () => void;
  readonly gone: (hasBegun: boolean) => void;
};

class FakeProcess implements RunProcess {
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  readonly #births: Births;
  #hasBegun = false;
  #isDead = false;
  #stop: (() => void) | undefined;

  constructor(births: Births, onMessage: Parameters<StartRunProcess>[1]) {
    this.#births = births;
    this.pid = births.pid;
    this.ended = this.#run(onMessage);
  }

  cancel(): void {
    this.#stop?.();
  }

  die(): void {
    this.#isDead = true;
    this.#births.gone(this.#hasBegun);
    this.#hasBegun = false;
  }

  async #run(onMessage: Parameters<StartRunProcess>[1]): Promise<ProcessEnd> {
    const { store, plan, purpose, machine, fate, clock, pid } = this.#births;
    const holder = `here pid ${pid} boot`;
    // It is not renewed here.
    const durationMs = 100 * 3_600_000;
    const lease = await takeLease(store, { repository: `plan/${plan}`, mode: 'exclusive', holder, durationMs });
    if (lease.kind === 'taken' && lease.by.some((other) => machine.isAlive(pidOf(other.holder)))) {
      this.#births.gone(false);
      const message = { type: 'ended', outcome: 'failed', reason: undefined, code: 'PLAN_RUNNING' } as const;
      return { message, how: 'exit code 1', lastWords: '' };
    }
    if (this.#isDead) return never();
    this.#hasBegun = true;
    this.#births.began();
    const slotAtMs = purpose.slots?.lastDueMs;
    const row = { plan, kind: 'backup', trigger: 'schedule', host: 'here', pid, bootId: 'boot' } as const;
    const runId = await startRun(store, { ...row, ...(slotAtMs !== undefined && { slotAtMs }) });
    onMessage({ type: 'started', runId, plan, logPath: undefined });
    await new Promise<void>((resolve) => {
      this.#stop = resolve;
      clock.after(fate.takesMs, resolve);
    });
    if (this.#isDead) return never();
    if (lease.kind === 'held') await endLease(store, lease.lease);
    this.#births.gone(true);
    this.#hasBegun = false;
    if (fate.outcome === 'killed') return { message: undefined, how: 'signal SIGKILL', lastWords: '' };
    await endRun(store, runId, { outcome: fate.outcome });
    const message = { type: 'ended', outcome: fate.outcome, reason: undefined, code: undefined } as const;
    return { message, how: 'exit code 0', lastWords: '' };
  }
}

function pidOf(holder: string): number {
  return Number(/pid (\d+)/.exec(holder)?.[1]);
}

async function never(): Promise<ProcessEnd> {
  return await new Promise<ProcessEnd>(() => undefined);
}

/**
 * Leases of a run: the plan alone, its repositories beside others. They are renewed while it works; when one is lost,
 * somebody else may work there, and the run stops. A state that cannot be reached meanwhile is only spoken of: what
 * protects a repository are the locks inside it.
 */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { endLease, takeLease, renewLease, type Lease, type LeaseHolder, type LeaseMode } from '../store/leases.ts';
import type { Store } from '../store/store.ts';
import type { Machine } from './run-surroundings.ts';

export type LeaseWanted = { readonly name: string; readonly mode: LeaseMode; readonly ifTaken: 'wait' | 'refuse' };

export type LeaseParts = {
  readonly store: Store;
  readonly machine: Machine;
  readonly sleep: (delayMs: number, signal?: AbortSignal) => Promise<void>;
  readonly warn: (sentence: string) => void;
  readonly waiting: (sentence: string) => void;
  readonly signal: AbortSignal;
  readonly durationMs?: number;
};

/** A repository has its own name; plans stand beside them. No name in a configuration has a slash. */
export function planLease(plan: string): LeaseWanted {
  return { name: `plan/${plan}`, mode: 'exclusive', ifTaken: 'refuse' };
}

const durationDefaultMs = 90_000;
const askAgainMs = 1000;

export class LeaseKeeper implements AsyncDisposable {
  /** Aborts with LEASE_LOST. */
  readonly signal: AbortSignal;
  readonly #lost = new AbortController();
  readonly #parts: LeaseParts;
  readonly #durationMs: number;
  readonly #held = new Map<string, Lease>();
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<void> = Promise.resolve();

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.signal = this.#lost.signal;
    this.#durationMs = parts.durationMs ?? durationDefaultMs;
    this.#timer = setInterval(() => {
      this.#renewing = this.#renewing.then(async () => await this.#renew());
    }, this.#durationMs / 4);
  }

  /** @throws {CoffreError} PLAN_RUNNING, INTERRUPTED; errors of the state */
  async take({ name, mode, ifTaken }: LeaseWanted): Promise<void> {
    const { store, machine, sleep, signal, waiting } = this.#parts;
    const holder = holderText(machine);
    for (let isSaid = false; ; isSaid = true) {
      signal.throwIfAborted();
      const answer = await takeLease(store, { repository: name, mode, holder, durationMs: this.#durationMs });
      if (answer.kind === 'held') {
        this.#held.set(name, answer.lease);
        return;
      }
      const living = await this.#endDead(answer.by);
      if (living.length === 0) continue;
      const who = living.map((lease) => holderName(lease.holder)).join(', ');
      if (ifTaken === 'refuse') throw isRunning(name, who);
      if (!isSaid) waiting(`waiting for ${name}: it is in use by ${who}`);
      await sleep(askAgainMs, signal);
    }
  }

  async give(name: string): Promise<void> {
    const lease = this.#held.get(name);
    this.#held.delete(name);
    if (lease !== undefined) await endLease(this.#parts.store, lease);
  }

  /** Leases of processes of this machine that are gone need not run out. */
  async #endDead(holders: readonly LeaseHolder[]): Promise<readonly LeaseHolder[]> {
    const { machine, store } = this.#parts;
    const living: LeaseHolder[] = [];
    for (const lease of holders) {
      if (isGone(lease.holder, machine)) await endLease(store, lease);
      else living.push(lease);
    }
    return living;
  }

  async #renew(): Promise<void> {
    for (const [name, lease] of this.#held) {
      try {
        const renewed = await renewLease(this.#parts.store, lease, this.#durationMs);
        if (!this.#held.has(name)) continue;
        if (renewed !== undefined) this.#held.set(name, renewed);
        else this.#lose(name);
      } catch (error) {
        this.#parts.warn(`the lease on ${name} could not be renewed: ${messageOf(error)}`);
      }
    }
  }

  #lose(name: string): void {
    this.#held.delete(name);
    const error = new CoffreError('LEASE_LOST', `our lease on ${name} ended while we worked there`, {
      hint: 'This process stood still for too long. Run the plan again.',
    });
    this.#lost.abort(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    for (const name of this.#held.keys()) {
      // One that cannot be given back runs out.
      await this.give(name).catch((error: unknown) => {
        this.#parts.warn(`the lease on ${name} could not be given back: ${messageOf(error)}`);
      });
    }
  }
}

/** `HOST pid PID BOOT` */
export function holderText({ host, pid, bootId }: Machine): string {
  return `${host} pid ${pid} ${bootId}`;
}

/** Without the boot, which is for machines. */
function holderName(holder: string): string {
  return /^\S+ pid \d+/.exec(holder)?.[0] ?? holder;
}

/** True for a process of this machine that is no more. */
export function isGone(holder: string, machine: Machine): boolean {
  const [, host, pid, bootId] = /^(\S+) pid (\d+) (.+)$/.exec(holder) ?? [];
  if (host !== machine.host || pid === undefined || bootId === undefined) return false;
  if (bootId.split(' ')[0] !== machine.bootId.split(' ')[0]) return true;
  if (bootId !== machine.bootId) return false;
  return Number(pid) !== machine.pid && !machine.isAlive(Number(pid));
}

function isRunning(name: string, who: string): CoffreError {
  return new CoffreError('PLAN_RUNNING', `${name.replace(/^plan\//, 'the plan ')} is being run by ${who}`, {
    hint: 'Wait for it to end.',
  });
}

export function isLeaseLoss(error: unknown): boolean {
  return isCoffreError(error, 'LEASE_LOST');
}

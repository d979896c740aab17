/** Who holds what while it runs: places, in all and on each host, and leases of repositories. */
import type { Lease, Caps, PlanEntry, WaitReason } from './plan-entry.ts';

export class Resources {
  #caps: Caps;
  #runs = 0;
  readonly #runsOfHost = new Map<string, number>();
  readonly #holders = new Map<string, { shared: number; exclusive: number }>();

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  /** What runs already goes on, also above them. */
  limit(caps: Caps): void {
    this.#caps = caps;
  }

  take({ host, leases }: PlanEntry): void {
    this.#change(host, leases, 1);
  }

  giveBack({ host, leases }: PlanEntry): void {
    this.#change(host, leases, -1);
  }

  /** `reserved`: repositories that work with an older right waits for, to have them alone. */
  lacking(
    { host, leases }: PlanEntry,
    elsewhere: readonly Lease[],
    reserved: ReadonlySet<string>,
  ): WaitReason | undefined {
    if (this.#runs >= this.#caps.runsMax) return 'runs_max';
    if ((this.#runsOfHost.get(host) ?? 0) >= this.#caps.runsPerHostMax) return 'host_max';
    return leases.every((lease) => this.#isFree(lease, elsewhere) && !reserved.has(lease.repository))
      ? undefined
      : 'repository';
  }

  #isFree({ repository, mode }: Lease, elsewhere: readonly Lease[]): boolean {
    const holders = this.#holders.get(repository);
    if (holders !== undefined && (holders.exclusive > 0 || (mode === 'exclusive' && holders.shared > 0))) return false;
    return !elsewhere.some(
      (other) => other.repository === repository && (other.mode === 'exclusive' || mode === 'exclusive'),
    );
  }

  #change(host: string, leases: readonly Lease[], by: 1 | -1): void {
    this.#runs += by;
    this.#runsOfHost.set(host, (this.#runsOfHost.get(host) ?? 0) + by);
    for (const { repository, mode } of leases) {
      const holders = this.#holders.get(repository) ?? { shared: 0, exclusive: 0 };
      holders[mode] += by;
      this.#holders.set(repository, holders);
    }
  }
}

/** Leases of runs that this daemon did not start. */
import type { Machine } from '../run/run-surroundings.ts';

/** False for our own runs, and for processes of this machine that are gone: whoever wants their leases ends them. */
export function isElsewhere(holder: string, machine: Machine, ownPids: ReadonlySet<number>): boolean {
  const [, host, pid, bootId] = /^(\S+) pid (\d+) (.+)$/.exec(holder) ?? [];
  if (pid === undefined || host !== machine.host || bootId !== machine.bootId) return true;
  return !ownPids.has(Number(pid)) && machine.isAlive(Number(pid));
}

/** Several parties at one repository with one clock, who want locks. */
import type { Backend } from '../backend/backend.ts';
import type { MemoryBackend } from '../backend/memory.ts';
import { encodeLockFile, parseLockFile } from '../format/lock-file.ts';
import type { LockFile } from '../format/lock-file.ts';
import type { Processes } from '../host/processes.ts';
import type { LockId } from '../ids.ts';
import type { HeldLock } from '../lock/held-lock.ts';
import { acquireLock, startLock } from '../lock/lock.ts';
import type { LockOptions, PendingLock } from '../lock/lock.ts';
import { openRepository } from '../repository.ts';
import type { Repository } from '../repository.ts';
import { withFaults } from './faults.ts';
import type { FaultPlan } from './faults.ts';
import { createSampleHost, createSampleRepository, samplePassword } from './sample-repository.ts';
import type { SampleHost } from './sample-repository.ts';

export const minuteMs = 60_000;
export const ourSpace = 'boot-1 4026531836';

export type Party = { repository: Repository; host: SampleHost; processes: Processes; options: Partial<LockOptions> };
export type Scene = {
  backend: MemoryBackend;
  host: SampleHost;
  party: (name?: string, plan?: FaultPlan) => Promise<Party>;
};

/** One repository, one clock, and several parties that share both. */
export async function scene(): Promise<Scene> {
  const { backend, host } = await createSampleRepository();
  let pid = 100;
  return {
    backend,
    host,
    async party(hostname = 'sample', plan) {
      pid += 1;
      const own: SampleHost = {
        ...createSampleHost(),
        clock: host.clock,
        identity: { ...host.identity, hostname, pid },
      };
      const storage: Backend = plan === undefined ? backend : withFaults(backend, plan, { clock: host.clock });
      const repository = await openRepository({ backend: storage, host: own, password: samplePassword });
      const processes = processesWith({});
      return { repository, host: own, processes, options: { processes } };
    },
  };
}

/** The parties of a scene live; 77 and 78 do not unless a test says so. */
export function processesWith(facts: { space?: string; alive?: number[]; uptimeMs?: () => number }): Processes {
  const { space = ourSpace, alive = [], uptimeMs = () => 0 } = facts;
  return {
    space,
    isAlive: (pid) => pid > 100 || alive.includes(pid),
    uptimeMs,
    ignoreHangup: () => ({ [Symbol.dispose]() {} }),
  };
}

export function begin(party: Party, options: Partial<LockOptions> = {}): PendingLock {
  return startLock(party.repository, { exclusive: false, ...party.options, ...options });
}

/** Lets the fake time pass until the lock is held or refused; notes in real files need real time as well. */
export async function lock(
  { host, repository, ...party }: Party,
  options: Partial<LockOptions> = {},
): Promise<HeldLock> {
  const waiting = new AbortController();
  const held = acquireLock(repository, { exclusive: false, ...party.options, ...options });
  held.finally(() => waiting.abort()).catch(() => undefined);
  await host.clock.advance(200);
  while (!waiting.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await host.clock.advance(20);
  }
  return held;
}

export async function lockFiles(repository: Repository): Promise<LockFile[]> {
  const files = await repository.listIds('locks');
  return Promise.all(files.map(async ({ id }) => parseLockFile(await repository.loadUnpacked('locks', id))));
}

export function putLock(party: Party, lockFile: Partial<LockFile> = {}): Promise<LockId> {
  const time = new Date(Number(party.host.clock.nowNs() / 1_000_000n)).toISOString();
  const whole = { time, exclusive: true, hostname: 'elsewhere', username: 'bob', pid: 77, ...lockFile };
  return party.repository.saveUnpacked('locks', encodeLockFile(whole));
}

export function putGarbage(backend: MemoryBackend): void {
  backend.files.set(`locks/${'ab'.repeat(32)}`, Buffer.from('garbage'));
}

/** Opening reads the config without delay; only what follows is slow. */
export async function openSlow(party: Scene['party'], plan: FaultPlan): Promise<Party> {
  return party('sample', (call) => (call.kind === 'locks' ? plan(call) : undefined));
}

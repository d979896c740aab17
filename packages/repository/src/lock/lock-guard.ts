import type { Backend } from '../backend/backend.ts';
import { retentionWithin } from '../backend/retention.ts';
import { CoffreError } from '../errors.ts';
import type { PendingLock } from './lock.ts';

export type GuardedBackend = Backend & {
  /** From now on writes wait for this lock. */
  guardBy(lock: PendingLock): void;
};

/**
 * Storage that holds back every write but those of locks until the lock is held, and again whenever it is in doubt:
 * a machine that slept for an hour writes nothing before it knows that its lock is still its own.
 * Retries that go on below it end with the signal of the lock.
 *
 * @param options.appendOnly the config of the repository, as rustic writes it, forbids to remove anything but locks
 */
export function withLockGuard(backend: Backend, options: { appendOnly?: boolean } = {}): GuardedBackend {
  let guard: PendingLock | undefined;

  async function permission(): Promise<void> {
    await (await guard?.held)?.fresh();
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,
    guardBy(lock) {
      guard = lock;
    },

    create: () => backend.create(),
    async save(file, parts, signal) {
      if (file.kind !== 'locks') await permission();
      await backend.save(file, parts, signal);
    },
    load: (file, options) => backend.load(file, options),
    stat: (file) => backend.stat(file),
    list: (kind) => backend.list(kind),
    async remove(file) {
      if (file.kind !== 'locks' && options.appendOnly === true) throw appendOnlyRefused(backend.location);
      if (file.kind !== 'locks') await permission();
      await backend.remove(file);
    },
    ...retentionWithin(backend, async (file, _signal, call) => {
      if (file.kind !== 'locks') await permission();
      return await call();
    }),
    removeLeftovers: async (clock) => (await backend.removeLeftovers?.(clock)) ?? 0,
    retainPacks: async (known) => backend.retainPacks?.(known),
    refuseShrunkenLists: () => backend.refuseShrunkenLists?.(),
    bypassCaches: () => backend.bypassCaches?.(),
    close: () => backend.close(),
  };
}

function appendOnlyRefused(location: string): CoffreError {
  return new CoffreError('REPO_APPEND_ONLY', `the config of ${location} says append-only: nothing is removed from it`, {
    hint: 'Lift it with `rustic config --set-append-only false`, on a machine that may remove backups.',
  });
}

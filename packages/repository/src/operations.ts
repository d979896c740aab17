/**
 * The big operations, each loaded when it is first called: whoever only opens a repository and lists its snapshots does
 * not wait for the archiver.
 */
import { findMasterKey } from './key.ts';
import type { OpenOptions, Repository } from './repository.ts';

/** While the key is derived on another thread, what else an open repository needs is loaded on this one. */
export async function openRepository(options: OpenOptions): Promise<Repository> {
  const begun = Promise.withResolvers<void>();
  const deriving = (): void => {
    begun.resolve();
    options.deriving?.();
  };
  const search = findMasterKey({ ...options, deriving });
  await Promise.race([begun.promise, search.catch(() => undefined)]);
  return await (await import('./repository.ts')).openRepository(options, search);
}

export const initRepository: typeof import('./repository.ts').initRepository = async (...args) =>
  (await import('./repository.ts')).initRepository(...args);

export const addKey: typeof import('./maintain/keys.ts').addKey = async (...args) =>
  (await import('./maintain/keys.ts')).addKey(...args);

export const changePassword: typeof import('./maintain/keys.ts').changePassword = async (...args) =>
  (await import('./maintain/keys.ts')).changePassword(...args);

export const listKeys: typeof import('./maintain/keys.ts').listKeys = async (...args) =>
  (await import('./maintain/keys.ts')).listKeys(...args);

export const rotateKey: typeof import('./maintain/keys.ts').rotateKey = async (...args) =>
  (await import('./maintain/keys.ts')).rotateKey(...args);

export const removeKey: typeof import('./maintain/keys.ts').removeKey = async (...args) =>
  (await import('./maintain/keys.ts')).removeKey(...args);

export const backup: typeof import('./archive/backup.ts').backup = async (...args) =>
  (await import('./archive/backup.ts')).backup(...args);

export const check: typeof import('./maintain/check.ts').check = async (...args) =>
  (await import('./maintain/check.ts')).check(...args);

export const copySnapshots: typeof import('./maintain/copy/copy.ts').copySnapshots = async (...args) =>
  (await import('./maintain/copy/copy.ts')).copySnapshots(...args);

export const diffTrees: typeof import('./browse/diff.ts').diffTrees = async (...args) =>
  (await import('./browse/diff.ts')).diffTrees(...args);

export const dump: typeof import('./restore/dump.ts').dump = async (...args) =>
  (await import('./restore/dump.ts')).dump(...args);

export const findFiles: typeof import('./browse/find.ts').findFiles = async (...args) =>
  (await import('./browse/find.ts')).findFiles(...args);

export const findObjects: typeof import('./browse/find-objects.ts').findObjects = async (...args) =>
  (await import('./browse/find-objects.ts')).findObjects(...args);

export const retain: typeof import('./maintain/retain.ts').retain = async (...args) =>
  (await import('./maintain/retain.ts')).retain(...args);

export const prune: typeof import('./maintain/prune/prune.ts').prune = async (...args) =>
  (await import('./maintain/prune/prune.ts')).prune(...args);

export const recover: typeof import('./maintain/recover.ts').recover = async (...args) =>
  (await import('./maintain/recover.ts')).recover(...args);

export const recoverConfig: typeof import('./maintain/upgrade.ts').recoverConfig = async (...args) =>
  (await import('./maintain/upgrade.ts')).recoverConfig(...args);

export const upgradeRepository: typeof import('./maintain/upgrade.ts').upgradeRepository = async (...args) =>
  (await import('./maintain/upgrade.ts')).upgradeRepository(...args);

export const restore: typeof import('./restore/restore.ts').restore = async (...args) =>
  (await import('./restore/restore.ts')).restore(...args);

export const rewriteSnapshots: typeof import('./maintain/rewrite.ts').rewriteSnapshots = async (...args) =>
  (await import('./maintain/rewrite.ts')).rewriteSnapshots(...args);

export const repairIndex: typeof import('./maintain/repair/repair-index.ts').repairIndex = async (...args) =>
  (await import('./maintain/repair/repair-index.ts')).repairIndex(...args);

export const repairPacks: typeof import('./maintain/repair/repair-packs.ts').repairPacks = async (...args) =>
  (await import('./maintain/repair/repair-packs.ts')).repairPacks(...args);

export const repairSnapshots: typeof import('./maintain/repair/repair-snapshots.ts').repairSnapshots = async (
  ...args
) => (await import('./maintain/repair/repair-snapshots.ts')).repairSnapshots(...args);

export const healFrom: typeof import('./maintain/repair/heal.ts').healFrom = async (...args) =>
  (await import('./maintain/repair/heal.ts')).healFrom(...args);

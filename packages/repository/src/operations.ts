/**
 * The big operations, each loaded when it is first called: whoever only opens a repository and lists its snapshots does
 * not wait for the archiver.
 */
import { findMasterKey } from './key.ts';
import type { OpenOptions, Repository } from './repository.ts';

/**
 * Opens a repository with the password of any of its keys. Closing it closes the backend. While the key is derived on
 * another thread, which takes about 0.4 s, what else an open repository needs is loaded on this one.
 * @throws {CoffreError} REPO_NOT_FOUND, REPO_PASSWORD_WRONG, REPO_CONFIG_DAMAGED, REPO_KEY_DAMAGED,
 *   REPO_VERSION_UNSUPPORTED; storage errors
 */
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

/**
 * Makes an empty repository, and one key for the password. Closing it closes the backend.
 * @throws {CoffreError} REPO_EXISTS where a config or a key is already; storage errors
 */
export const initRepository: typeof import('./repository.ts').initRepository = async (...args) =>
  (await import('./repository.ts')).initRepository(...args);

/** One more password, proved before it counts. The caller holds a lock. @throws {CoffreError} REPO_KEY_REFUSED; storage errors */
export const addKey: typeof import('./maintain/keys.ts').addKey = async (...args) =>
  (await import('./maintain/keys.ts')).addKey(...args);

/**
 * The caller holds an exclusive lock. Resolves to the repository under its new key; the old key goes last.
 * @throws {CoffreError} REPO_KEY_REFUSED, and the old password still opens it; storage errors
 */
export const changePassword: typeof import('./maintain/keys.ts').changePassword = async (...args) =>
  (await import('./maintain/keys.ts')).changePassword(...args);

/** Readable keys in order of id; the others are reported to `host.warn`. @throws {CoffreError} storage errors */
export const listKeys: typeof import('./maintain/keys.ts').listKeys = async (...args) =>
  (await import('./maintain/keys.ts')).listKeys(...args);

/**
 * A new password, and no old one any more. The caller holds an exclusive lock.
 * @throws {CoffreError} REPO_KEY_REFUSED when the new one does not open it, or an old one stays; storage errors
 */
export const rotateKey: typeof import('./maintain/keys.ts').rotateKey = async (...args) =>
  (await import('./maintain/keys.ts')).rotateKey(...args);

/**
 * `name` is an id or its beginning. The caller holds an exclusive lock.
 * @throws {CoffreError} REPO_KEY_REFUSED for the key in use, ID_AMBIGUOUS, REPO_FILE_MISSING; storage errors
 */
export const removeKey: typeof import('./maintain/keys.ts').removeKey = async (...args) =>
  (await import('./maintain/keys.ts')).removeKey(...args);

/**
 * Saves folders and streams as one snapshot, which becomes visible last: a crash leaves every earlier one as it was. A file
 * that cannot be read is an event and is counted. The caller holds a shared lock.
 * @throws {CoffreError} SOURCE_MISSING when no path exists, INTERRUPTED; storage errors
 */
export const backup: typeof import('./archive/backup.ts').backup = async (...args) =>
  (await import('./archive/backup.ts')).backup(...args);

/**
 * What is missing or damaged, as events; with `readData` every byte that was chosen is read. The caller holds an exclusive
 * lock. Resolves to how much was looked at and how many errors there are.
 * @throws {CoffreError} storage errors that stop all work; damage never rejects
 */
export const check: typeof import('./maintain/check.ts').check = async (...args) =>
  (await import('./maintain/check.ts')).check(...args);

/**
 * Snapshots into another repository, every blob proved on the way; what is lost is reported and costs only the snapshots
 * that need it. The caller holds shared locks on both sides. Sizes are in bytes as stored.
 * @throws {CoffreError} INTERRUPTED; storage errors of either side
 */
export const copySnapshots: typeof import('./maintain/copy/copy.ts').copySnapshots = async (...args) =>
  (await import('./maintain/copy/copy.ts')).copySnapshots(...args);

/** What differs, in order of path; equal folders are not entered. @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED; storage errors */
export const diffTrees: typeof import('./browse/diff.ts').diffTrees = async (...args) =>
  (await import('./browse/diff.ts')).diffTrees(...args);

/**
 * One file, or a folder as an archive, into `output`, which is waited for.
 * @throws {CoffreError} PATH_NOT_IN_SNAPSHOT, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED, REPO_TREE_DAMAGED; storage errors
 */
export const dump: typeof import('./restore/dump.ts').dump = async (...args) =>
  (await import('./restore/dump.ts')).dump(...args);

/**
 * Contents of many files in their order, read together. `take` gets each; what it leaves unread is passed over.
 * @throws {CoffreError} INTERRUPTED, what `take` throws; in a content REPO_BLOB_MISSING, REPO_BLOB_DAMAGED, storage errors
 */
export const readContents: typeof import('./restore/read-ahead.ts').readContents = async (...args) =>
  (await import('./restore/read-ahead.ts')).readContents(...args);

/** Entries that match, in the order of the snapshots given and of the paths in each; a folder that cannot be read is an event. @throws {CoffreError} storage errors */
export const findFiles: typeof import('./browse/find.ts').findFiles = async (...args) =>
  (await import('./browse/find.ts')).findFiles(...args);

/** Where blobs, trees and packs are used. @throws {CoffreError} ID_MALFORMED, REPO_FILE_MISSING; storage errors */
export const findObjects: typeof import('./browse/find-objects.ts').findObjects = async (...args) =>
  (await import('./browse/find-objects.ts')).findObjects(...args);

/**
 * Keeps what snapshots need from deletion for longer. The caller holds a lock.
 * @throws {CoffreError} BACKEND_UNPROTECTED where the storage knows no retention, USAGE; storage errors
 */
export const retain: typeof import('./maintain/retain.ts').retain = async (...args) =>
  (await import('./maintain/retain.ts')).retain(...args);

/**
 * Removes what no snapshot needs: plans and repacks under a shared lock, publishes under an exclusive one, both taken
 * through `options.lock`. A kill at any point leaves every snapshot as it was.
 * @throws {CoffreError} PRUNE_REFUSED, REPO_CHANGED, REPO_LOCKED, REPO_BLOB_MISSING; storage errors
 */
export const prune: typeof import('./maintain/prune/prune.ts').prune = async (...args) =>
  (await import('./maintain/prune/prune.ts')).prune(...args);

/** A snapshot of every folder that none leads to; none is made when there is no such folder. The caller holds an exclusive lock. @throws {CoffreError} storage errors */
export const recover: typeof import('./maintain/recover.ts').recover = async (...args) =>
  (await import('./maintain/recover.ts')).recover(...args);

/**
 * Finishes an upgrade that was killed where the config was gone. False when there is nothing to finish.
 * @throws {CoffreError} REPO_PASSWORD_WRONG; REPO_NOT_FOUND when there is no key either; storage errors
 */
export const recoverConfig: typeof import('./maintain/upgrade.ts').recoverConfig = async (...args) =>
  (await import('./maintain/upgrade.ts')).recoverConfig(...args);

/**
 * From version 1 to 2. The caller holds an exclusive lock, has checked the repository, and opens it again afterwards.
 * @throws {CoffreError} MIGRATION_FAILED; storage errors
 */
export const upgradeRepository: typeof import('./maintain/upgrade.ts').upgradeRepository = async (...args) =>
  (await import('./maintain/upgrade.ts')).upgradeRepository(...args);

/**
 * Writes a snapshot, or a part of it, below a folder; called again, it goes on where it was. Counters are in bytes and
 * entries.
 * @throws {CoffreError} RESTORE_INCOMPLETE when an entry could not be restored (each was reported), USAGE,
 *   RESTORE_TARGET_REFUSED, PATH_NOT_IN_SNAPSHOT, INTERRUPTED; storage errors
 */
export const restore: typeof import('./restore/restore.ts').restore = async (...args) =>
  (await import('./restore/restore.ts')).restore(...args);

/**
 * New snapshots without some files, or with another host or time. The caller holds a lock, an exclusive one with `forget`.
 * Resolves to how many changed.
 * @throws {CoffreError} REWRITE_REFUSED when a folder holds more than we can write back; storage errors
 */
export const rewriteSnapshots: typeof import('./maintain/rewrite.ts').rewriteSnapshots = async (...args) =>
  (await import('./maintain/rewrite.ts')).rewriteSnapshots(...args);

/** An index that fits the packs. The caller holds an exclusive lock. @throws {CoffreError} storage errors */
export const repairIndex: typeof import('./maintain/repair/repair-index.ts').repairIndex = async (...args) =>
  (await import('./maintain/repair/repair-index.ts')).repairIndex(...args);

/**
 * Good blobs out of damaged packs into new ones; a damaged pack is removed last. The caller holds an exclusive lock.
 * @throws {CoffreError} REPAIR_REFUSED, REPO_FILE_MISSING when none of the packs is known; storage errors
 */
export const repairPacks: typeof import('./maintain/repair/repair-packs.ts').repairPacks = async (...args) =>
  (await import('./maintain/repair/repair-packs.ts')).repairPacks(...args);

/** Snapshots without what is lost. The caller holds an exclusive lock. @throws {CoffreError} REPAIR_REFUSED while the index may be what is wrong; storage errors */
export const repairSnapshots: typeof import('./maintain/repair/repair-snapshots.ts').repairSnapshots = async (
  ...args
) => (await import('./maintain/repair/repair-snapshots.ts')).repairSnapshots(...args);

/** What is lost, from another repository that has it. The caller holds an exclusive lock here and one on the source. @throws {CoffreError} REPAIR_REFUSED; storage errors */
export const healFrom: typeof import('./maintain/repair/heal.ts').healFrom = async (...args) =>
  (await import('./maintain/repair/heal.ts')).healFrom(...args);

import { statSync } from 'node:fs';
import { CoffreError } from '../errors.ts';
import { bytesOf, toText, type ByteString } from '../format/bytestring.ts';
import { createAccounts } from '../host/accounts.ts';
import type { FolderHandle, Handles } from '../host/handles.ts';
import { createHandles } from '../host/open-handles.ts';
import { makeFolders } from '../host/make-folders.ts';
import { codeOf, openNative } from '../host/native.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { RestoreCrew } from './crew.ts';
import { FileWriter } from './file-writer.ts';
import { finishRestore } from './finish.ts';
import { RestoreJob, type JobParts } from './job.ts';
import { createMetadataWriter, type MetadataRules } from './metadata.ts';
import { budgetDefault, checkOptions, deletesEverythingElse, type RestoreOptions } from './options.ts';
import { zeroRestoreCounters, type RestoreCounters } from './report.ts';
import { TargetFolders } from './target-folders.ts';
import { findSubPath, RestoreWalk } from './walk.ts';
import { FileWindows } from './window.ts';

export type RestoreResult = { readonly counters: RestoreCounters; readonly durationMs: number };

/**
 * Writes a snapshot, or a part of it, below a folder. What is there already is compared by hash and not fetched again,
 * so an interrupted restore goes on where it was.
 * @throws {CoffreError} RESTORE_INCOMPLETE when any entry could not be restored (each was reported); USAGE;
 *   RESTORE_TARGET_REFUSED; PATH_NOT_IN_SNAPSHOT; INTERRUPTED; storage errors
 */
export async function restore(indexed: IndexedRepository, options: RestoreOptions): Promise<RestoreResult> {
  checkOptions(options);
  const { clock } = indexed.repository.host;
  const startedMs = clock.monotonicMs();
  const counters = options.counters ?? zeroRestoreCounters();
  const start = await findSubPath({ indexed }, options.tree, options.subPath ?? ('' as ByteString));
  options.begins?.();
  const handles = options.handles ?? createHandles();
  const root = openTarget(handles, options);
  try {
    await using parts = openParts(indexed, options, counters, handles, root);
    await runRestore(new RestoreJob(parts.job), start);
  } finally {
    if (root !== undefined) handles.close(root);
  }
  if (counters.errors > 0) {
    const entries = counters.errors === 1 ? '1 entry' : `${counters.errors} entries`;
    throw new CoffreError('RESTORE_INCOMPLETE', `${entries} could not be restored`, {
      hint: 'The messages above say which and why; the rest is restored.',
    });
  }
  return { counters, durationMs: clock.monotonicMs() - startedMs };
}

async function runRestore(job: RestoreJob, start: Awaited<ReturnType<typeof findSubPath>>): Promise<void> {
  const windows = new FileWindows(job);
  const walk = new RestoreWalk(job, async (file) => await windows.add(file));
  try {
    if ('tree' in start) await walk.run(start.tree);
    else await walk.runNodes([start.entry]);
    await windows.end();
  } finally {
    // Nothing may be written any more when the handles are closed.
    await windows.settled();
  }
  finishRestore(job, walk.result);
}

/** Undefined in a dry run into a folder that is not there. */
function openTarget(handles: Handles, options: RestoreOptions): FolderHandle | undefined {
  const path = bytesOf(options.target);
  try {
    if (options.dryRun !== true) makeFolders(path);
    else if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    const root = handles.openRoot(options.target);
    if (deletesEverythingElse(options)) refuseSystemRoot(handles, root);
    return root;
  } catch (error) {
    if (error instanceof CoffreError) throw error;
    throw new CoffreError(
      'RESTORE_TARGET_REFUSED',
      `${toText(options.target)} cannot be used as target (${codeOf(error)})`,
      {
        hint: 'Choose a folder that you may write to.',
        cause: error,
      },
    );
  }
}

/** By what was opened, not by its name: `/usr/..`, a link to `/` and a relative way up all lead there. */
function refuseSystemRoot(handles: Handles, root: FolderHandle): void {
  const top = handles.openRoot('/' as ByteString);
  const [opened, system] = [handles.statOf(root), handles.statOf(top)];
  handles.close(top);
  if (opened.inode !== system.inode || opened.deviceId !== system.deviceId) return;
  handles.close(root);
  throw new CoffreError(
    'RESTORE_TARGET_REFUSED',
    'deleting below / would remove everything the snapshot does not hold',
    {
      hint: 'Add --include or --exclude patterns to --delete, or choose another target.',
    },
  );
}

function openParts(
  indexed: IndexedRepository,
  options: RestoreOptions,
  counters: RestoreCounters,
  handles: Handles,
  root: FolderHandle | undefined,
): { job: JobParts } & AsyncDisposable {
  const accounts = options.ownershipByName === true ? createAccounts(openNative()) : undefined;
  const common = { indexed, options, counters, accounts, budget: { ...budgetDefault, ...options.budget } };
  if (root === undefined) {
    const nothing = { target: undefined, metadata: undefined, writer: undefined, crew: undefined };
    return { job: { ...common, ...nothing }, [Symbol.asyncDispose]: async () => undefined };
  }
  const rules: MetadataRules = {
    isRoot: process.geteuid?.() === 0,
    xattrs: options.xattrs ?? {},
    safe: options.safe === true,
  };
  const writing = { sparse: options.sparse === true, sync: options.sync === 'each' };
  const metadata = createMetadataWriter(handles, rules, counters.dropped);
  const folders = new TargetFolders(handles, root);
  const writer = new FileWriter(handles, folders, { metadata, rules: writing });
  const setup = { root, metadata: rules, writing };
  const crew = new RestoreCrew(indexed.repository, setup, {
    threads: options.threads,
    handles,
    ownHandles: options.handles !== undefined,
  });
  return {
    job: { ...common, target: { handles, folders }, metadata, writer, crew },
    [Symbol.asyncDispose]: async () => {
      writer.closeAll();
      folders.close();
      await crew[Symbol.asyncDispose]();
    },
  };
}

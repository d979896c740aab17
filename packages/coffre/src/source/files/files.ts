/** Files and folders, with the guards that refuse a source which is surely not what is meant. */
import { globSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import {
  absolutePath,
  cleanPath,
  CoffreError,
  everything,
  joinPath,
  readElsewhere,
  toByteString,
  toText,
  type ByteString,
  type Files,
  type Selection,
} from '@coffre/repository';
import { z } from 'zod';
import type { SourceType } from '../source.ts';
import { parseTruthWith } from '../truth.ts';
import { snapshotFolder } from './freeze/btrfs.ts';
import { freeze, type FreezeKind } from './freeze/freeze.ts';
import { decideGuards, type GuardRules } from './guards.ts';
import { moduleOf } from './module-path.ts';
import { judgeOf, type Validation } from './validate.ts';

export type FilesSettings = {
  readonly name: string;
  /** Absolute; `*` and `**` match names where no file has that very name. */
  readonly paths: readonly ByteString[];
  readonly selection?: Selection;
  /** Undefined: no guards. */
  readonly guards: GuardRules | undefined;
  readonly validation?: Validation;
  /** `modules/{module}/state/` */
  readonly moduleFrom?: string;
  /** Read from a snapshot of the file system, which is taken for the backup. */
  readonly freeze?: FreezeKind;
};

const refusedHint =
  'Nothing was saved of it. Look at the source; `--guard off`, or `guards:` in the configuration, lets it pass.';
const missingHint =
  'Nothing was saved of it. Is its disk mounted? A path that is gone for good is taken out of the configuration.';

const filesTruth = z.strictObject({
  files: z.int(),
  bytes: z.int(),
  paths: z.array(z.strictObject({ path: z.string(), device: z.string(), isOnRoot: z.boolean() })),
  missing: z.array(z.string()),
  modules: z.array(z.string()),
});
export type FilesTruth = z.infer<typeof filesTruth>;

export const files: SourceType<FilesSettings, FilesTruth> = {
  describe: ({ paths }) => `files ${paths.map(toText).join(' ')}`,

  listedPaths: ({ paths }) => paths.map((path) => toText(cleanPath(path))),

  async preflight(settings, context, last) {
    const measured = await measure(settings, context.files, context.signal);
    const { refusals, warnings } = settings.guards
      ? decideGuards(settings.guards, measured, last)
      : { refusals: [], warnings: [] };
    if (refusals.length > 0) {
      throw new CoffreError('SOURCE_REFUSED', `${settings.name}: ${refusals.join('; ')}`, {
        hint: measured.missing.length > 0 ? missingHint : refusedHint,
      });
    }
    return { warnings, sizeBytes: measured.bytes };
  },

  async dump(settings, context) {
    const { selection, validation } = settings;
    const { paths } = presentPaths(settings, context.files);
    const frozen =
      settings.freeze === undefined ? undefined : await freeze(settings.freeze, paths.map(toText), context);
    for (const line of frozen?.warnings ?? []) context.warn(line);
    const places = frozen?.places ?? [];
    return {
      streams: [],
      walk: {
        paths,
        ...(selection === undefined ? {} : { selection }),
        ...(frozen === undefined ? {} : { selection: exceptSnapshots(selection ?? everything), elsewhere: places }),
        ...(validation === undefined ? {} : { judge: judgeOf(validation, context) }),
      },
      truth: async () => {
        const truth = await measure(settings, readElsewhere(context.files, places), context.signal);
        await frozen?.stillThere();
        return truth;
      },
      [Symbol.asyncDispose]: async () => await frozen?.[Symbol.asyncDispose](),
    };
  },

  parseTruth: parseTruthWith(filesTruth),

  // Every file has its checksum in the manifest; there is nothing that could be opened.
  verify: async () => ({ passed: [], proved: [], differences: [] }),

  async load(saved) {
    throw new CoffreError('USAGE', `${saved.name} holds files, which are restored`, {
      hint: 'Use `coffre restore SNAPSHOT --target FOLDER`.',
    });
  },

  async scratch(saved) {
    throw new CoffreError('USAGE', `${saved.name} holds files, which are restored`, {
      hint: 'Use `coffre restore SNAPSHOT --target FOLDER`.',
    });
  },

  async quickCheck(settings, context) {
    const { paths, missing } = presentPaths(settings, context.files);
    const unreadable = paths.filter((path) => !isReadable(context.files, path));
    const differences = [
      ...missing.map((path) => `there is no ${path}`),
      ...unreadable.map((path) => `${toText(path)} cannot be read`),
    ];
    return differences.length === 0
      ? { passed: ['open'], proved: [`${paths.length} of ${paths.length} paths are there`], differences }
      : { passed: [], proved: [], differences };
  },

  present: async (settings, context) => await measure(settings, context.files, context.signal),

  differences(earlier, later) {
    const said: string[] = [];
    if (earlier.files !== later.files) said.push(`${later.files} files instead of ${earlier.files}`);
    if (earlier.bytes !== later.bytes) said.push(`${later.bytes} bytes instead of ${earlier.bytes}`);
    for (const path of later.missing) if (!earlier.missing.includes(path)) said.push(`${path} is gone`);
    for (const module of earlier.modules) if (!later.modules.includes(module)) said.push(`module ${module} is gone`);
    for (const module of later.modules) if (!earlier.modules.includes(module)) said.push(`module ${module} is new`);
    return said;
  },
};

/** The folder where snapshots are made is as empty in them as it is of interest. */
function exceptSnapshots(selection: Selection): Selection {
  return { ...selection, byName: (path) => !path.endsWith(`/${snapshotFolder}`) && selection.byName(path) };
}

type Present = { readonly paths: ByteString[]; readonly missing: string[] };

function presentPaths(settings: FilesSettings, system: Files): Present {
  const paths: ByteString[] = [];
  const missing: string[] = [];
  for (const path of settings.paths) {
    if (isThere(system, path)) {
      paths.push(path);
      continue;
    }
    const matches = /[*?[]/.test(path) ? globSync(toText(path)).map(toByteString) : [];
    if (matches.length > 0) paths.push(...matches.toSorted());
    else missing.push(toText(path));
  }
  return { paths, missing };
}

function isThere(system: Files, path: ByteString): boolean {
  try {
    system.lstat(path);
    return true;
  } catch {
    return false;
  }
}

function isReadable(system: Files, path: ByteString): boolean {
  try {
    if (system.lstat(path).type === 'dir') system.listNames(path);
    return true;
  } catch {
    return false;
  }
}

/** Counts what would be saved; what cannot be read counts as nothing, the walk reports it. */
async function measure(settings: FilesSettings, system: Files, signal: AbortSignal): Promise<FilesTruth> {
  const { paths, missing } = presentPaths(settings, system);
  const chosen = settings.selection ?? everything;
  const selection = settings.freeze === undefined ? chosen : exceptSnapshots(chosen);
  const rootDevice = system.lstat('/' as ByteString).deviceId;
  const truth: FilesTruth = { files: 0, bytes: 0, paths: [], missing, modules: [] };
  const modules = new Set<string>();
  for (const path of paths) {
    const { deviceId } = system.lstat(path);
    truth.paths.push({ path: toText(path), device: String(deviceId), isOnRoot: deviceId === rootDevice });
  }
  const targets = new Set(paths.map((path) => absolutePath(path, '/' as ByteString)));
  const pending = [...targets];
  let seen = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if ((seen += 1) % 1000 === 0) {
      await breathe();
      signal.throwIfAborted();
    }
    const isTarget = targets.has(path);
    if (!isTarget && !selection.byName(path)) continue;
    try {
      const stat = system.lstat(path);
      if (!isTarget && !selection.byStat(path, stat)) continue;
      if (stat.type === 'dir') for (const name of system.listNames(path)) pending.push(joinPath(path, name));
      if (stat.type !== 'file') continue;
      truth.files += 1;
      truth.bytes += stat.sizeBytes;
      const module = settings.moduleFrom === undefined ? undefined : moduleOf(settings.moduleFrom, toText(path));
      if (module !== undefined) modules.add(module);
    } catch {
      continue;
    }
  }
  truth.modules.push(...[...modules].toSorted());
  return truth;
}

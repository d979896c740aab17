/** A SQLite database file, saved page by page while programs go on writing it. */
import { createReadStream, lstatSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CoffreError, messageOf, pagesProfile, toByteString } from '@coffre/repository';
import { createPrivateFolder, type PrivateFolder } from '../../platform/private-folder.ts';
import type {
  CheckStep,
  LoadTarget,
  Preflight,
  SavedSource,
  SourceContext,
  SourceType,
  Verification,
} from '../source.ts';
import { parseTruthWith } from '../truth.ts';
import { streamFolder } from '../stream-path.ts';
import { beginsAsDatabase } from './sqlite-file.ts';
import type { Inspection, SqliteCopy } from './sqlite-copy.ts';
import { loadDatabase } from './sqlite-load.ts';
import { copyInThread, inspectInThread, lookInThread } from './sqlite-thread.ts';
import { compareContent } from './sqlite-content.ts';
import { sqliteTruth, type SqliteTruth } from './sqlite-truth.ts';

export type { SqliteTruth };

export type SqliteSettings = {
  /** Folder of its stream in the snapshot. */
  readonly name: string;
  readonly path: string;
};

export const sqlite: SourceType<SqliteSettings, SqliteTruth> = {
  describe: ({ path }) => `SQLite database ${path}`,

  listedPaths: ({ path }) => [resolve(path)],

  async preflight({ path }) {
    return preflight(path);
  },

  async dump({ name, path }, context) {
    const source = resolve(path);
    const { sizeBytes = 0 } = preflight(source);
    const folder = createPrivateFolder(context.temporaryFolder, sizeBytes);
    const copy = join(folder.path, 'copy.sqlite');
    let truth: SqliteTruth | undefined;
    async function* pages(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      const stop = AbortSignal.any([signal, context.signal]);
      const copied = await copyInThread(source, copy, stop);
      // Beside the reading. The last bytes are given when it has found nothing.
      const inspected = inspectInThread(copy, stop);
      inspected.catch(() => undefined);
      let given = 0;
      let held: Uint8Array | undefined;
      for await (const bytes of createReadStream(copy, { highWaterMark: 1024 * 1024 })) {
        if (held !== undefined) yield held;
        held = bytes as Uint8Array;
        given += held.byteLength;
      }
      const inspection = await inspected;
      truth = truthOf(source, copied, inspection);
      sayDoubts(source, inspection, context);
      const expectedBytes = truth.pageSizeBytes * truth.pages;
      if (given !== expectedBytes) {
        throw new CoffreError('SOURCE_INVALID', `the copy of ${source} has ${given} bytes instead of ${expectedBytes}`);
      }
      if (held !== undefined) yield held;
    }
    return {
      // 64 KiB: whole pages of every size that SQLite has.
      streams: [
        { path: toByteString(`${streamFolder(name)}/${basename(source)}`), bytes: pages, profile: pagesProfile },
      ],
      truth: async () => {
        if (truth === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
        return truth;
      },
      [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
    };
  },

  parseTruth: parseTruthWith(sqliteTruth),

  async verify(saved, context, steps) {
    if (steps.size === 0) return { passed: [], proved: [], differences: [] };
    using folder = folderFor(saved, context);
    const copy = join(folder.path, 'saved.sqlite');
    await writeFile(copy, only(saved).content, { flag: 'wx', mode: 0o600 });
    return narrowed(await verificationOf(saved.truth, copy, context), steps);
  },

  async load(saved, target, context) {
    return await loadProved(saved, target, context);
  },

  async scratch(saved, context) {
    const folder = folderFor(saved, context);
    try {
      const place = join(folder.path, basename(saved.truth.path));
      await loadProved(saved, { to: place, overwrite: false, only: [], settings: undefined }, context);
      return { place, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  },

  async quickCheck({ path }, context) {
    preflight(path);
    await lookInThread(resolve(path), 'opens', context.signal);
    return { passed: ['open'], proved: ['opens', 'its schema can be read'], differences: [] };
  },

  async present({ path }, context) {
    preflight(path);
    return await lookInThread(resolve(path), 'counts', context.signal);
  },

  differences: (earlier, later) => compareContent(earlier, later),
};

/** @throws {CoffreError} SOURCE_INVALID */
function truthOf(source: string, copied: SqliteCopy, { integrity, content }: Inspection): SqliteTruth {
  if (integrity.damage.join() !== 'ok') {
    throw new CoffreError('SOURCE_INVALID', `${source} is damaged: ${integrity.damage.slice(0, 3).join('; ')}`, {
      hint: 'Nothing was saved: earlier snapshots hold the last good state. `.recover` of the sqlite3 shell may help.',
    });
  }
  const differences = copied.content === undefined ? [] : compareContent(copied.content, content);
  if (differences.length > 0) {
    throw new CoffreError('INTERNAL', `the copy of ${source} differs from it: ${differences.join('; ')}`);
  }
  return { path: source, journalMode: copied.journalMode, ...content };
}

function sayDoubts(source: string, { integrity: { doubts } }: Inspection, { warn }: SourceContext): void {
  if (doubts.length === 0) return;
  const more = doubts.length > 3 ? `; and ${doubts.length - 3} more` : '';
  warn(`${source} is saved as it is: ${doubts.slice(0, 3).join('; ')}${more}`);
}

/** @throws {CoffreError} SOURCE_MISSING, SOURCE_INVALID */
function preflight(path: string): Preflight {
  const source = resolve(path);
  const stat = lstatSync(source, { throwIfNoEntry: false }) && statSync(source, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new CoffreError('SOURCE_MISSING', `there is no database ${source}`, {
      hint: 'Check the spelling and whether the disk is mounted; nothing was saved, and no database was made.',
    });
  }
  const isDatabase = stat.isFile() && beginsAsDatabase(source);
  if (!isDatabase) {
    const why = !stat.isFile() ? 'is no file' : stat.size === 0 ? 'is empty' : 'is no SQLite database';
    throw new CoffreError('SOURCE_INVALID', `${source} ${why}`, {
      hint: 'Name the database file itself; an encrypted one must be dumped by the program that has its key.',
    });
  }
  const walBytes = statSync(`${source}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return { warnings: [], sizeBytes: stat.size + walBytes };
}

function folderFor(saved: SavedSource<SqliteTruth>, context: SourceContext): PrivateFolder {
  return createPrivateFolder(context.temporaryFolder, only(saved).sizeBytes);
}

function only(saved: SavedSource<SqliteTruth>): { sizeBytes: number; content: AsyncIterable<Uint8Array> } {
  const [stream] = saved.streams;
  if (stream === undefined) throw new CoffreError('MANIFEST_DAMAGED', `the manifest names no stream of ${saved.name}`);
  return { sizeBytes: stream.sizeBytes, content: saved.read(stream.path) };
}

async function loadProved(
  saved: SavedSource<SqliteTruth>,
  { to, overwrite, only: tables }: LoadTarget<SqliteSettings>,
  context: SourceContext,
): Promise<string> {
  if (tables.length > 0) {
    throw new CoffreError('USAGE', `a SQLite database is loaded whole, not ${tables.join(', ')} alone`, {
      hint: 'Load it beside the live one with --target FILE, and copy the tables with ATTACH.',
    });
  }
  const prove = async (path: string): Promise<void> => {
    const { differences } = await verificationOf(saved.truth, path, context);
    if (differences.length === 0) return;
    throw new CoffreError('SOURCE_VERIFY_FAILED', `the saved database is not what it was: ${differences.join('; ')}`, {
      hint: 'The target is as it was. Try an earlier snapshot.',
    });
  };
  return await loadDatabase({ ...only(saved), target: to ?? saved.truth.path, overwrite, prove });
}

async function verificationOf(truth: SqliteTruth, path: string, context: SourceContext): Promise<Verification> {
  let found;
  try {
    found = await inspectInThread(path, context.signal);
  } catch (error) {
    if (context.signal.aborted) throw error;
    return { passed: ['archive'], proved: [], differences: [`it does not open: ${messageOf(error)}`] };
  }
  const complaints = found.integrity.damage.filter((line) => line !== 'ok').map((line) => `integrity: ${line}`);
  const differences = [...complaints, ...compareContent(truth, found.content)];
  const tables = Object.values(found.content.tables);
  const rows = tables.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  if (differences.length > 0) return { passed: ['archive'], proved: [], differences };
  const integrity = found.integrity.doubts.length === 0 ? 'integrity ok' : 'integrity ok as far as it can be checked';
  const proved = ['opens', integrity, 'schema as saved', `${rows} rows in ${tables.length} tables as counted`];
  return { passed: ['archive', 'open', 'schema', 'row_counts'], proved, differences };
}

function narrowed(verification: Verification, steps: ReadonlySet<CheckStep>): Verification {
  return { ...verification, passed: verification.passed.filter((step) => steps.has(step)) };
}

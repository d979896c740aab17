/**
 * Saved data as files of a stopped server: built and proved beside their place, then put there by renames.
 *
 * A folder gets what a server reads whatever its `appendonly` says. With `yes` it reads the AOF alone and would start empty
 * beside a `dump.rdb`; so an RDB file becomes the base of an AOF too, by a link, which takes no room.
 */
import { cpSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { realpathSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { withFreshNames } from './aof-manifest.ts';
import { basename, dirname, join, resolve } from 'node:path';
import { CoffreError, isCoffreError } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import { placeBeside } from '../../platform/unfinished.ts';
import type { LoadTarget, SourceContext } from '../source.ts';
import { aofStreams, bytesOfAll, loadedDifferences, rdbStream, writeAof, writeRdb } from './redis-files.ts';
import type { SavedRedis } from './redis-files.ts';
import { aofNames } from './redis-truth.ts';
import { moveOwned, replacePaths, type Move } from './replace-paths.ts';

const usualAof = { folder: 'appendonlydir', filename: 'appendonly.aof' };

/** @returns where it is now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_SPACE_SHORT, SOURCE_VERIFY_FAILED */
export async function loadIntoPath(
  saved: SavedRedis,
  { to, overwrite }: LoadTarget<unknown>,
  context: SourceContext,
): Promise<string> {
  const target = resolve(to ?? '');
  const isFile = target.endsWith('.rdb') || (existsSync(target) && lstatSync(target).isFile());
  const parent = isFile || !existsSync(target) ? dirname(target) : target;
  if (!existsSync(parent)) throw refused(`${parent} is not there`, 'Make the folder first.');
  const home = realpathSync(parent);
  requireRoom(home, bytesOfAll(saved.streams));
  const isNew = !isFile && parent !== target;
  if (!isNew) refuseServerIn(home);
  const part = placeBeside(join(home, 'redis'));
  mkdirSync(part, { mode: 0o700 });
  try {
    if (isFile) {
      await writeRdb(saved, join(part, 'dump.rdb'));
      await prove(saved, part, context);
      place([{ from: join(part, 'dump.rdb'), to: target }], overwrite, home);
      return target;
    }
    await fill(saved, part);
    if (!isNew) giveFreshNames(part, home);
    await prove(saved, part, context);
    if (isNew) {
      moveOwned({ from: part, to: target }, home);
      return target;
    }
    place(
      readdirSync(part).map((name) => ({ from: join(part, name), to: join(home, name) })),
      overwrite,
      home,
    );
    return target;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

async function fill(saved: SavedRedis, folder: string): Promise<void> {
  const hasRdb = rdbStream(saved) !== undefined;
  if (hasRdb) await writeRdb(saved, join(folder, 'dump.rdb'));
  if (aofStreams(saved).length > 0) return await writeAof(saved, folder);
  const { folder: name, filename } = aofNames(saved.truth) ?? usualAof;
  const base = `${filename}.1.base.rdb`;
  mkdirSync(join(folder, name), { mode: 0o700 });
  linkSync(join(folder, 'dump.rdb'), join(folder, name, base));
  writeFileSync(join(folder, name, `${filename}.manifest`), `file ${base} seq 1 type b\n`, { mode: 0o600 });
}

/** Beside the AOF that is there: `replacePaths` says why. */
function giveFreshNames(part: string, home: string): void {
  for (const folder of readdirSync(part).filter((name) => lstatSync(join(part, name)).isDirectory())) {
    const there = lstatSync(join(home, folder), { throwIfNoEntry: false });
    const list = readdirSync(join(part, folder)).find((name) => name.endsWith('.manifest'));
    if (there?.isDirectory() !== true || list === undefined) continue;
    const path = join(part, folder, list);
    const { text, names } = withFreshNames(readFileSync(path, 'utf8'), readdirSync(join(home, folder)));
    writeFileSync(path, text);
    // The highest first: none of them takes the name of another.
    for (const [old, fresh] of [...names].toReversed()) {
      if (fresh !== old) renameSync(join(part, folder, old), join(part, folder, fresh));
    }
  }
}

/** A server does not write an RDB file that it loads; to an AOF it appends, so that is proved by a copy. */
async function prove(saved: SavedRedis, folder: string, context: SourceContext): Promise<void> {
  let differences: readonly string[];
  try {
    differences = await differencesIn(saved, folder, context);
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_TOOL_MISSING')) throw error;
    context.warn(`what is loaded was not opened before: ${error.message}`);
    return;
  }
  if (differences.length === 0) return;
  throw new CoffreError('SOURCE_VERIFY_FAILED', `the saved data is not what it was: ${differences.join('; ')}`, {
    hint: 'The target is as it was. Try an earlier snapshot.',
  });
}

async function differencesIn(saved: SavedRedis, folder: string, context: SourceContext): Promise<string[]> {
  const { truth } = saved;
  const differences: string[] = [];
  if (existsSync(join(folder, 'dump.rdb')))
    differences.push(...(await loadedDifferences(folder, 'rdb', truth, context)));
  const name = aofNames(truth)?.folder;
  if (name !== undefined && existsSync(join(folder, name))) {
    using copy = createPrivateFolder(context.temporaryFolder, bytesOfAll(aofStreams(saved)));
    cpSync(join(folder, name), join(copy.path, name), { recursive: true });
    differences.push(...(await loadedDifferences(copy.path, 'aof', truth, context)));
  }
  return differences;
}

function requireRoom(folder: string, sizeBytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= sizeBytes) return;
  throw new CoffreError('SOURCE_SPACE_SHORT', `${folder} has no room for the data`, {
    hint: 'Make room, or load it to another disk.',
  });
}

/** A server works in the folder of its files; it would write its own state over them when it stops. */
function refuseServerIn(folder: string): void {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)) {
    let works: string;
    let runs: string;
    try {
      works = readlinkSync(`/proc/${name}/cwd`);
      runs = basename(readlinkSync(`/proc/${name}/exe`));
    } catch {
      continue; // another's process, or none any more
    }
    if (works !== folder || !/redis|valkey|keydb/.test(runs)) continue;
    throw refused(
      `${folder} is used by a server (process ${name})`,
      'Stop it first (`redis-cli shutdown nosave`), or load into it: --target redis://HOST:PORT --overwrite.',
    );
  }
}

function place(moves: readonly Move[], overwrite: boolean, folder: string): void {
  const there = moves.find(({ to }) => lstatSync(to, { throwIfNoEntry: false }) !== undefined);
  if (there !== undefined && !overwrite) {
    throw refused(`${there.to} is there already`, 'Name another folder, or add --overwrite.');
  }
  replacePaths(moves, folder);
}

function refused(why: string, hint: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', why, { hint });
}

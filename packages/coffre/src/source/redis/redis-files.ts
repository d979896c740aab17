/** Saved Redis files on a disk: written into a private folder, proved, counted by a private server. */
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import type { SavedSource, SourceContext } from '../source.ts';
import { wholeAof } from './redis-aof.ts';
import { scanned } from '../scanned.ts';
import { RdbScan, type RdbContent } from './rdb-scan.ts';
import { isOfEngine, programsOf, type RedisEngine } from './redis-engine.ts';
import { aofNames, compareLoaded, type RedisTruth } from './redis-truth.ts';
import { isForeign, startScratch } from './redis-scratch.ts';
import { writeWhole } from '../../platform/write-whole.ts';

export type SavedRedis = SavedSource<RedisTruth>;
type SavedStream = SavedRedis['streams'][number];

const checkTimeoutMs = 6 * 3_600_000;

export function rdbStream(saved: SavedRedis): SavedStream | undefined {
  return saved.streams.find(({ path }) => path.endsWith('/dump.rdb'));
}

export function aofStreams(saved: SavedRedis): SavedStream[] {
  return saved.streams.filter((stream) => stream !== rdbStream(saved));
}

export function bytesOfAll(streams: readonly SavedStream[]): number {
  return streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** @throws {CoffreError} SOURCE_INVALID when it is not a whole RDB file */
export async function writeRdb(saved: SavedRedis, path: string): Promise<RdbContent> {
  const stream = rdbStream(saved);
  if (stream === undefined)
    throw new CoffreError('MANIFEST_DAMAGED', `the manifest names no RDB file of ${saved.name}`);
  const scan = new RdbScan();
  await writeWhole(path, scanned(scan, saved.read(stream.path)));
  return scan.end();
}

/** @param folder gets the folder of the AOF in it @throws {CoffreError} SOURCE_INVALID when a file is not whole */
export async function writeAof(saved: SavedRedis, folder: string): Promise<void> {
  const names = aofNames(saved.truth);
  if (names === undefined) throw new CoffreError('MANIFEST_DAMAGED', `the manifest names no AOF of ${saved.name}`);
  mkdirSync(join(folder, names.folder), { mode: 0o700 });
  for (const { path } of aofStreams(saved)) {
    const content = path.endsWith('.manifest') ? saved.read(path) : wholeAof(saved.read(path));
    await writeWhole(join(folder, names.folder, basename(path)), content);
  }
}

/**
 * The server's own checkers, where they are installed.
 * @returns which one agrees @throws {CoffreError} SOURCE_INVALID
 */
export async function askChecker(
  part: 'check-rdb' | 'check-aof',
  path: string,
  engine: RedisEngine,
  context: SourceContext,
): Promise<string | undefined> {
  const checker = programsOf(engine, part).find((name) => findProgram(name, context.searchPath) !== undefined);
  const program = checker && findProgram(checker, context.searchPath);
  if (checker === undefined || program === undefined) return undefined;
  let said = '';
  try {
    const call = {
      argv: [program, path],
      timeoutMs: checkTimeoutMs,
      signal: context.signal,
      workingFolder: dirname(path),
    };
    for await (const part of context.programs.output(call))
      said = (said + Buffer.from(part).toString('utf8')).slice(-2000);
    return checker;
  } catch (error) {
    if (context.signal.aborted) throw error;
    if (isForeign(said) || isBlindTo(said) || !isOfEngine(checker, engine)) return undefined;
    const [last = messageOf(error)] = said.trim().split('\n').slice(-1);
    throw new CoffreError('SOURCE_INVALID', `${checker} refuses it: ${last}`, { cause: error });
  }
}

/** `valkey-check-aof` of Valkey 9 takes the RDB file that an AOF begins with for commands (valkey issue 4739). */
function isBlindTo(said: string): boolean {
  return /BASE AOF \(RESP format\)[^]*\.base\.rdb is not valid/.test(said);
}

/** What a private server that loads the files does not agree on. */
export async function loadedDifferences(
  folder: string,
  what: 'rdb' | 'aof',
  truth: RedisTruth,
  context: SourceContext,
): Promise<readonly string[]> {
  await using scratch = await startScratch(folder, what, truth, context);
  const expected = what === 'aof' ? (truth.aof?.databases ?? undefined) : (truth.databases ?? undefined);
  const { databases, libraries } = scratch.facts;
  const differences = expected === undefined ? [] : compareLoaded(expected, databases);
  if (truth.libraries !== null && libraries !== undefined && libraries !== truth.libraries) {
    differences.push(`${libraries} libraries of functions instead of ${truth.libraries}`);
  }
  return differences.map((line) => (what === 'aof' ? `AOF: ${line}` : line));
}

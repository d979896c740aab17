import {
  link,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
  chmod,
} from 'node:fs/promises';
import { byteStringOf, bytesOf, toByteString } from '../format/bytestring.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Something in a folder tree, as far as worlds know it. `names` are all paths of a file with hard links, sorted. */
export type WorldEntry =
  | { readonly kind: 'folder'; readonly mode: number; readonly modifiedMs: number }
  | { readonly kind: 'symlink'; readonly modifiedMs: number; readonly target: ByteString }
  | WorldFile;
export type WorldFile = {
  readonly kind: 'file';
  readonly mode: number;
  readonly modifiedMs: number;
  readonly content: Buffer;
  readonly names?: readonly ByteString[];
};

/** Path below the top (`a/b`), parents before their children. */
export type World = Map<ByteString, WorldEntry>;

export type WorldOptions = { entries?: number; fileBytesMax?: number };

const names = [
  'plain',
  'with space',
  'é',
  'Ünïcödé',
  '日本',
  '🦊',
  ' ',
  '-dash',
  '.hidden',
  'a"quote',
  'back\\slash',
  'new\nline',
  'tab\t',
  '\x7f',
  '\u00a0',
  '<&>',
  '*?[x]',
  "it's",
  '\ue000',
  'x'.repeat(200),
].map(toByteString);
/** No UTF-8. */
const hostileNames = ['\xff', 'a\xc3', '\x80\x81'] as ByteString[];
const topFolder = toByteString('');
const startMs = Date.parse('2024-02-29T12:34:56.789Z');

export function growWorld(random: SeededRandom, options: WorldOptions = {}): World {
  const world: World = new Map();
  const folders: ByteString[] = [topFolder];
  for (let i = 0; i < (options.entries ?? 60); i += 1) {
    const path = freshPath(world, folders, random, i);
    if (random.chance(0.1) && addHardLink(world, path, random)) continue;
    const entry = growEntry(world, random, options);
    world.set(path, entry);
    if (entry.kind === 'folder') folders.push(path);
  }
  return world;
}

/** A few files changed, grown, removed or added; the rest is as it was, to the millisecond. */
export function changeWorld(world: World, random: SeededRandom, options: WorldOptions = {}): World {
  const changed: World = new Map(world);
  for (const [path, entry] of world) {
    if (entry.kind !== 'file' || entry.names !== undefined || !random.chance(0.2)) continue;
    if (random.chance(0.3)) changed.delete(path);
    else
      changed.set(path, { ...entry, content: growContent(world, random, options), modifiedMs: entry.modifiedMs + 1 });
  }
  changed.set(toByteString(`added ${random.integer(1e9)}`), growEntry(world, random, options));
  return changed;
}

function growEntry(world: World, random: SeededRandom, options: WorldOptions): WorldEntry {
  const modifiedMs = startMs + random.integer(1e9);
  if (random.chance(0.2)) return { kind: 'folder', mode: random.pick([0o755, 0o700, 0o1777, 0o2750]), modifiedMs };
  if (random.chance(0.1)) return { kind: 'symlink', modifiedMs, target: random.pick([...names, ...hostileNames]) };
  const mode = random.pick([0o644, 0o600, 0o755, 0o444, 0o4755]);
  return { kind: 'file', mode, modifiedMs, content: growContent(world, random, options) };
}

function addHardLink(world: World, path: ByteString, random: SeededRandom): boolean {
  const files = [...world].filter(([, entry]) => entry.kind === 'file');
  if (files.length === 0) return false;
  const [first, entry] = random.pick(files);
  if (entry.kind !== 'file') return false;
  const paths = [...(entry.names ?? [first]), path].toSorted();
  for (const each of paths) world.set(each, { ...entry, names: paths });
  return true;
}

function growContent(world: World, random: SeededRandom, options: WorldOptions): Buffer {
  const size = random.pick([0, 1, 100, random.integer(options.fileBytesMax ?? 200_000)]);
  const old = [...world.values()].filter((entry) => entry.kind === 'file');
  if (old.length > 0 && random.chance(0.2)) return Buffer.concat([random.pick(old).content, random.bytes(10)]);
  return random.chance(0.5) ? random.bytes(size) : Buffer.alloc(size, random.bytes(7));
}

function freshPath(world: World, folders: readonly ByteString[], random: SeededRandom, index: number): ByteString {
  const folder = random.pick(folders);
  const name = random.chance(0.1) ? random.pick(hostileNames) : random.pick(names);
  const path = (folder === topFolder ? name : `${folder}/${name}`) as ByteString;
  return world.has(path) ? (`${path}${index}` as ByteString) : path;
}

export async function writeWorld(world: World, top: string): Promise<void> {
  await rm(top, { recursive: true, force: true });
  await mkdir(top, { recursive: true });
  const made = new Set<ByteString>();
  for (const [path, entry] of world) {
    const place = placeIn(top, path);
    const written = entry.kind === 'file' && entry.names?.find((name) => made.has(name));
    made.add(path);
    if (entry.kind === 'folder') await mkdir(place);
    else if (typeof written === 'string') await link(placeIn(top, written), place);
    else if (entry.kind === 'symlink') await symlink(bytesOf(entry.target), place);
    else await writeFile(place, entry.content);
  }
  // Modes and times last, children before parents: writing into a folder moves its time.
  for (const [path, entry] of [...world].toReversed()) {
    const place = placeIn(top, path);
    if (entry.kind !== 'symlink') await chmod(place, entry.mode);
    await lutimes(place, entry.modifiedMs / 1000, entry.modifiedMs / 1000);
  }
}

/** What is there, in the same form, for `deepEqual`. */
export async function readWorld(top: string): Promise<World> {
  const world: World = new Map();
  const linked = new Map<number, ByteString[]>();
  await readInto({ world, linked, top }, topFolder);
  for (const paths of linked.values()) {
    const shared = paths.toSorted();
    for (const path of shared) world.set(path, { ...(world.get(path) as WorldFile), names: shared });
  }
  return world;
}

type Reading = { readonly world: World; readonly linked: Map<number, ByteString[]>; readonly top: string };

async function readInto(reading: Reading, folder: ByteString): Promise<void> {
  const { world, linked, top } = reading;
  for (const name of (await readdir(placeIn(top, folder), { encoding: 'buffer' })).map(byteStringOf).toSorted()) {
    const path = (folder === topFolder ? name : `${folder}/${name}`) as ByteString;
    const place = placeIn(top, path);
    const stats = await lstat(place);
    const [mode, modifiedMs] = [stats.mode & 0o7777, Math.round(stats.mtimeMs)];
    if (stats.isDirectory()) {
      world.set(path, { kind: 'folder', mode, modifiedMs });
      await readInto(reading, path);
    } else if (stats.isSymbolicLink()) {
      const target = byteStringOf(await readlink(place, { encoding: 'buffer' }));
      world.set(path, { kind: 'symlink', modifiedMs, target });
    } else {
      world.set(path, { kind: 'file', mode, modifiedMs, content: await readFile(place) });
      if (stats.nlink > 1) linked.set(stats.ino, [...(linked.get(stats.ino) ?? []), path]);
    }
  }
}

function placeIn(top: string, path: ByteString): Buffer {
  return Buffer.concat([Buffer.from(`${top}/`), bytesOf(path)]);
}

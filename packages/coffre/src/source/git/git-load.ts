/** A saved repository as a new one: built beside its place, proved there, and put in place by one rename. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';
import { asideOf, placeBeside } from '../../platform/unfinished.ts';
import type { LoadTarget, SavedSource, SourceContext } from '../source.ts';
import { scanned } from '../scanned.ts';
import { BundleScan, type BundleContent } from './bundle-scan.ts';
import { askGit, tryGit, type GitPlace } from './git-program.ts';
import { compareReferences, referencesOf, type GitTruth } from './git-truth.ts';
import { referencesIn } from './git-look.ts';

export type SavedGit = SavedSource<GitTruth>;

/** What lay in the repository and is not taken into use: settings and hooks may run programs. */
const asideFolder = 'saved-by-coffre';

/** @returns what was bundled; undefined when the repository had no commit. @throws {CoffreError} SOURCE_INVALID */
export async function writeBundle(saved: SavedGit, path: string): Promise<BundleContent | undefined> {
  const stream = saved.streams.find((one) => basename(one.path) === 'all.bundle');
  if (stream === undefined) return undefined;
  const scan = new BundleScan();
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const bytes of scanned(scan, saved.read(stream.path))) await file.writeFile(bytes);
  } finally {
    await file.close();
  }
  return scan.end();
}

/**
 * Every object is hashed and every reference compared before it returns.
 * @param folder is made
 * @throws {CoffreError} SOURCE_VERIFY_FAILED
 */
export async function buildRepository(
  saved: SavedGit,
  bundle: string | undefined,
  folder: string,
  context: SourceContext,
): Promise<void> {
  const { truth } = saved;
  mkdirSync(folder, { mode: 0o700 });
  const place: GitPlace = { folder, readsBundle: true };
  const format = truth.objectFormat === 'sha1' ? [] : ['--object-format=sha256'];
  await askGit(place, ['init', '--quiet', '--bare', '--template=', ...format, '.'], context);
  const shallow = saved.streams.find((one) => basename(one.path) === 'shallow');
  if (shallow !== undefined) writeFileSync(join(folder, 'shallow'), await wholeOf(saved, shallow.path));
  if (bundle !== undefined) {
    const detached = isId(truth.head) ? ['HEAD'] : [];
    const words = ['fetch', '--quiet', '--no-auto-gc', '--no-write-fetch-head', bundle, '+refs/*:refs/*', ...detached];
    await inWords(async () => await askGit(place, words, context));
  }
  if (truth.head !== null) await setHead(place, truth.head, context);
  const differences = compareReferences(truth.references, referencesOf(await referencesIn(place, context)));
  if (differences.length > 0) {
    throw new CoffreError('SOURCE_VERIFY_FAILED', `it is not what was saved: ${differences.slice(0, 5).join('; ')}`);
  }
  await inWords(async () => await askGit(place, ['fsck', '--connectivity-only', '--no-dangling'], context));
}

async function inWords(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CoffreError) || error.code !== 'SOURCE_COMMAND_FAILED') throw error;
    throw new CoffreError('SOURCE_VERIFY_FAILED', `git does not take it: ${messageOf(error)}`, { cause: error });
  }
}

async function setHead(place: GitPlace, head: string, context: SourceContext): Promise<void> {
  if (isId(head)) await askGit(place, ['update-ref', '--no-deref', 'HEAD', head], context);
  else if (head.startsWith('refs/')) await askGit(place, ['symbolic-ref', 'HEAD', head], context);
}

function isId(head: string | null): boolean {
  return head !== null && /^[0-9a-f]{40,64}$/.test(head);
}

export async function loadGit(saved: SavedGit, target: LoadTarget<unknown>, context: SourceContext): Promise<string> {
  if (target.only.length > 0) {
    throw new CoffreError('USAGE', 'a git repository is loaded whole', { hint: 'Take what you need with git fetch.' });
  }
  const path = resolve(target.to ?? saved.truth.path);
  const parent = dirname(path);
  if (!existsSync(parent)) throw refused(`${parent} is not there`, 'Make the folder first.');
  if (existsSync(path) && readdirSync(path).length > 0 && !target.overwrite) {
    throw refused(`${path} is there already`, 'Name a new folder, or add --overwrite: the old one is moved aside.');
  }
  const part = placeBeside(path);
  const bundle = `${part}.bundle`;
  try {
    const content = await writeBundle(saved, bundle);
    if (saved.truth.isBare) {
      await buildRepository(saved, content && bundle, part, context);
      await keepAside(saved, part);
    } else {
      mkdirSync(part);
      const inner = join(part, '.git');
      await buildRepository(saved, content && bundle, inner, context);
      await keepAside(saved, inner);
      await askGit({ folder: part }, ['--git-dir=.git', 'config', 'core.bare', 'false'], context);
      await tryGit({ folder: part }, ['reset', '--quiet', '--hard'], context);
    }
    if (existsSync(path)) renameSync(path, asideOf(path));
    renameSync(part, path);
    return path;
  } finally {
    for (const left of [part, bundle]) rmSync(left, { recursive: true, force: true });
  }
}

async function keepAside(saved: SavedGit, folder: string): Promise<void> {
  for (const { path } of saved.streams) {
    const name = basename(path);
    const isHook = basename(dirname(path)) === 'hooks';
    if (name === 'all.bundle' || name === 'shallow') continue;
    const home = join(folder, asideFolder, ...(isHook ? ['hooks'] : []));
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, name), await wholeOf(saved, path), { mode: 0o600 });
  }
}

async function wholeOf(saved: SavedGit, path: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of saved.read(path)) parts.push(Uint8Array.from(bytes));
  return Buffer.concat(parts);
}

function refused(why: string, hint: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', why, { hint });
}

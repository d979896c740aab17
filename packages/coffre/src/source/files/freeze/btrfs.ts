/**
 * Btrfs: a read-only snapshot of the subvolume that holds the path, and of each one inside it, in a folder of the outer one.
 * The folder stays, so that the outer one looks unchanged from then on.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { SourceContext } from '../../source.ts';
import type { FreezeRequest, TakenSnapshot } from './freeze.ts';
import { isWithin } from './mounts.ts';
import { isAbandoned, newSnapshotName } from './snapshot-name.ts';
import { runTool, runToolToTheEnd } from './tool.ts';

export const snapshotFolder = '.coffre-freeze';
/** Number of the first folder of every subvolume. */
const rootInode = 256;

export async function takeBtrfs({ path, context }: FreezeRequest): Promise<TakenSnapshot> {
  const outer = subvolumeOf(path);
  const home = join(outer, snapshotFolder);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  await sweep(home, context);
  await using opened = new AsyncDisposableStack();
  const places: { path: string; readFrom: string }[] = [];
  for (const subvolume of [outer, ...(await subvolumesIn(outer, path, context))]) {
    const name = join(home, newSnapshotName());
    // Registered first: a stop in the middle may leave it there already.
    opened.defer(async () => await remove(name, context));
    await runTool(context, 'btrfs', 'subvolume', 'snapshot', '-r', subvolume, name);
    places.push({ path: subvolume, readFrom: name });
  }
  const closing = opened.move();
  return {
    places,
    stillThere: async () => undefined,
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

function subvolumeOf(path: string): string {
  const { dev } = statSync(path);
  for (let folder = path; ; folder = dirname(folder)) {
    const stat = statSync(folder);
    if (stat.ino === rootInode && stat.dev === dev) return folder;
    if (folder === '/') throw new CoffreError('SOURCE_REFUSED', `no subvolume of Btrfs holds ${path}`);
  }
}

/** Those below the path; a snapshot holds empty folders in their places. Ours are left out. */
async function subvolumesIn(outer: string, path: string, context: SourceContext): Promise<string[]> {
  const found: string[] = [];
  const pending = [outer];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const own = (await runTool(context, 'btrfs', 'subvolume', 'show', folder)).split('\n')[0]?.trim() ?? '/';
    const start = own === '/' || own === '<FS_ROOT>' ? '' : `${own}/`;
    const list = await runTool(context, 'btrfs', 'subvolume', 'list', '-o', folder);
    for (const line of list.split('\n')) {
      const [, listed] = / path (.+)$/.exec(line) ?? [];
      if (listed === undefined || !listed.startsWith(start)) continue;
      const inner = join(folder, listed.slice(start.length));
      if (inner.includes(`/${snapshotFolder}/`) || !isWithin(inner, path)) continue;
      found.push(inner);
      pending.push(inner);
    }
  }
  return found;
}

async function sweep(home: string, context: SourceContext): Promise<void> {
  for (const name of readdirSync(home)) if (isAbandoned(name)) await remove(join(home, name), context);
}

async function remove(path: string, context: SourceContext): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  await runToolToTheEnd(context, 'btrfs', 'subvolume', 'delete', path);
}

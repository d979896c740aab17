/** Several paths of one folder replaced: all of them, or none when something fails on the way. What was there stays aside. */
import { chmodSync, chownSync, closeSync, fsyncSync, linkSync, lstatSync } from 'node:fs';
import { mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asideOf } from '../../platform/unfinished.ts';

export type Move = { readonly from: string; readonly to: string };

/** The calls that change names, handed in so that each can fail once. */
export type NameCalls = {
  readonly rename: (from: string, to: string) => void;
  readonly link: (from: string, to: string) => void;
};

const systemCalls: NameCalls = { rename: renameSync, link: linkSync };

/** A file is never gone in between: its old name is given away first, and then taken by one rename. */
export function replacePaths(moves: readonly Move[], folder: string, calls: NameCalls = systemCalls): void {
  const undo: Undo = [];
  try {
    for (const move of moves) {
      const old = lstatSync(move.to, { throwIfNoEntry: false });
      if (old?.isDirectory() === true) replaceFolder(move, folder, calls, undo);
      else replaceFile(move, old !== undefined, folder, calls, undo);
    }
  } catch (error) {
    // Not further than the first that fails: what is aside is removed last.
    for (const back of undo.toReversed()) back();
    throw error;
  }
}

type Undo = (() => void)[];

function replaceFile(move: Move, isThere: boolean, folder: string, calls: NameCalls, undo: Undo): void {
  const aside = asideOf(move.to);
  if (isThere) calls.link(move.to, aside);
  undo.push(() => {
    if (isThere) renameSync(aside, move.to);
    // Where it was not replaced yet both are one file, and the rename did nothing.
    rmSync(isThere ? aside : move.to, { recursive: true, force: true });
  });
  moveOwned(move, folder, calls);
}

/**
 * A folder cannot be exchanged by one rename, and a server that starts where the folder of its AOF is not there begins
 * empty and says nothing. So the new files come in beside the old ones, under names that are not taken; the list is
 * replaced last, by one rename; then the old names go, which are aside as well.
 */
function replaceFolder({ from, to }: Move, folder: string, calls: NameCalls, undo: Undo): void {
  const [old, fresh] = [readdirSync(to), readdirSync(from)];
  const aside = asideOf(to);
  mkdirSync(aside, { mode: 0o700 });
  undo.push(() => rmSync(aside, { recursive: true, force: true }));
  for (const name of old) calls.link(join(to, name), join(aside, name));
  const { uid, gid } = lstatSync(folder);
  own(aside, uid, gid);
  const isList = (name: string): boolean => name.endsWith('.manifest');
  for (const name of fresh.toSorted((a, b) => Number(isList(a)) - Number(isList(b)))) {
    const place = join(to, name);
    undo.push(() => {
      if (!old.includes(name)) {
        rmSync(place, { force: true });
        return;
      }
      // By a rename here too: the list is never gone.
      linkSync(join(aside, name), `${place}.back`);
      renameSync(`${place}.back`, place);
      rmSync(`${place}.back`, { force: true });
    });
    moveOwned({ from: join(from, name), to: place }, folder, calls);
  }
  for (const name of old.filter((one) => !fresh.includes(one))) {
    rmSync(join(to, name));
    undo.push(() => linkSync(join(aside, name), join(to, name)));
  }
}

/** As the folder it comes into: the server runs as its owner. */
export function moveOwned({ from, to }: Move, folder: string, calls: NameCalls = systemCalls): void {
  const { uid, gid } = lstatSync(folder);
  own(from, uid, gid);
  calls.rename(from, to);
  const handle = openSync(dirname(to), 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function own(path: string, uid: number, gid: number): void {
  const isFolder = lstatSync(path).isDirectory();
  chmodSync(path, isFolder ? 0o750 : 0o640);
  try {
    chownSync(path, uid, gid);
  } catch {
    // Only root gives files away.
  }
  if (isFolder) for (const name of readdirSync(path)) own(join(path, name), uid, gid);
}

/** Several paths of one folder replaced: all of them, or none when something fails on the way. What was there stays aside. */
import { chmodSync, chownSync, closeSync, fsyncSync, linkSync, lstatSync } from 'node:fs';
import { openSync, readdirSync, renameSync, rmSync } from 'node:fs';
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
  const undo: (() => void)[] = [];
  try {
    for (const move of moves) {
      const aside = asideOf(move.to);
      const old = lstatSync(move.to, { throwIfNoEntry: false });
      if (old?.isDirectory() === true) calls.rename(move.to, aside);
      else if (old !== undefined) calls.link(move.to, aside);
      undo.push(() => {
        rmSync(move.to, { recursive: true, force: true });
        if (old !== undefined) renameSync(aside, move.to);
      });
      moveOwned(move, folder, calls);
    }
  } catch (error) {
    for (const back of undo.toReversed()) back();
    throw error;
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

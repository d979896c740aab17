/** Calls of the file system that change something, of which one fails, or is the last one that the program makes. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export type FaultAtCall = {
  /** The first is 1. */
  readonly at: number;
  /** `kill`: nothing happens at this call or any later one, not even the cleaning up. */
  readonly how: 'kill' | 'EIO' | 'ENOSPC' | 'EACCES';
};

type AnyFunction = (this: unknown, ...words: unknown[]) => unknown;

const changing = [
  'renameSync',
  'rmSync',
  'unlinkSync',
  'linkSync',
  'mkdirSync',
  'chmodSync',
  'chownSync',
  'fsyncSync',
  'writeFileSync',
  'cpSync',
];

/** @returns the name of the call that was met; undefined when there were fewer */
export async function withFaultAt({ at, how }: FaultAtCall, body: () => Promise<unknown>): Promise<string | undefined> {
  let calls = 0;
  let met: string | undefined;
  const meet = (name: string): void => {
    calls += 1;
    const isDead = how === 'kill' && calls > at;
    if (calls !== at && !isDead) return;
    met ??= name;
    throw Object.assign(new Error(`${how}: injected, ${name}`), { code: how });
  };
  const undo: (() => void)[] = [];
  const wrap = (owner: Record<string, unknown>, name: string): void => {
    const real = owner[name] as AnyFunction;
    owner[name] = function faulty(this: unknown, ...words: unknown[]) {
      meet(name);
      return real.apply(this, words);
    };
    undo.push(() => void (owner[name] = real));
  };
  for (const name of changing) wrap(fs, name);
  const promises: Record<string, unknown> = fs.promises;
  const open = promises['open'] as (...words: unknown[]) => Promise<Record<string, unknown>>;
  promises['open'] = async (...words: unknown[]) => {
    const handle = await open(...words);
    if (words[1] === 'wx') for (const name of ['writeFile', 'sync']) wrap(handle, name);
    return handle;
  };
  undo.push(() => void (promises['open'] = open));
  syncBuiltinESMExports();
  try {
    await body();
  } finally {
    for (const back of undo) back();
    syncBuiltinESMExports();
  }
  return met;
}

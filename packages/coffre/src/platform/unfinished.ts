/** What a load builds beside its target, `.<name>.coffre-<process>`, what of that a killed process left, and where the old goes. */
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemProcesses } from '@coffre/repository';

/** Beside the target: on the same file system, so that a rename puts it in place. Nothing is there afterwards. */
export function placeBeside(target: string): string {
  const start = `.${basename(target)}.coffre-`;
  const folder = dirname(target);
  const processes = systemProcesses();
  for (const name of readdirSync(folder)) {
    const owner = name.startsWith(start) ? Number(/^(\d+)(?:\.|$)/.exec(name.slice(start.length))?.[1] ?? 0) : 0;
    if (owner === 0 || (owner !== process.pid && processes.isAlive(owner))) continue;
    rmSync(join(folder, name), { recursive: true, force: true });
  }
  return join(folder, `${start}${process.pid}`);
}

/** Where what is replaced stays. */
export function asideOf(target: string): string {
  const start = `${target}.before-load-${process.pid}`;
  for (let number = 1; ; number += 1) {
    const path = number === 1 ? start : `${start}-${number}`;
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path;
  }
}

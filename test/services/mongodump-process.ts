/** The mongodump of a scene, among the processes of this machine. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MongodbScene } from './mongodb-scene.ts';

/** Process ids of mongodump whose configuration lies in the scene's folder. */
export function dumpsOf({ context }: MongodbScene): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => wordsOf(pid).includes('mongodump') && wordsOf(pid).includes(context.temporaryFolder))
    .map(Number);
}

export function wordsOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8');
  } catch {
    return '';
  }
}

/** Waits for the program that dumps. */
export async function metDump(scene: MongodbScene): Promise<number> {
  for (;;) {
    const [pid] = dumpsOf(scene);
    if (pid !== undefined) return pid;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

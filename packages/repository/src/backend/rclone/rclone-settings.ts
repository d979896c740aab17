import { CoffreError } from '../../errors.ts';
import { commandWords } from '../command-words.ts';
import type { StorageOptions } from '../storage-options.ts';

export type RcloneSettings = {
  readonly program: string;
  readonly argv: readonly string[];
  /** How long it may take until it answers. */
  readonly startMs: number;
};

/** As restic has them. */
const programDefault = 'rclone';
const argsDefault = 'serve restic --stdio --b2-hard-delete';
const startDefaultMs = 60_000;

/** `-o rclone.program`, `rclone.args` and `rclone.timeout`. @throws {CoffreError} USAGE */
export function rcloneSettings(remote: string, options: Pick<StorageOptions, 'extended'>): RcloneSettings {
  const setting = (name: string, usual: string): string => options.extended?.get(`rclone.${name}`) || usual;
  const words = commandWords(setting('program', programDefault), '-o rclone.program');
  const args = commandWords(setting('args', argsDefault), '-o rclone.args');
  const [program = programDefault, ...first] = words;
  const timeout = options.extended?.get('rclone.timeout');
  const startMs = timeout === undefined ? startDefaultMs : durationMs(timeout);
  return { program, argv: [...first, ...args, remote], startMs };
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** As Go writes durations: `90s`, `1m30s`. */
function durationMs(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) {
    throw new CoffreError('USAGE', `-o rclone.timeout is ${JSON.stringify(text)}, which is no duration`, {
      hint: 'Write a number and a unit, such as 90s or 2m.',
    });
  }
  let total = 0;
  for (const [, count, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|h|m|s)/g)) total += Number(count) * unitMs[unit!]!;
  return total;
}

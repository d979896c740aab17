/**
 * The log of one run: a file of JSON lines, one for each message that the run tells, with the time in front:
 *
 *   {"time":"2026-11-21T19:03:11.123Z","type":"started","runId":17,"plan":"db-hourly",…}
 *   {"time":…,"type":"phase","phase":"read","source":"lyon/shop_db"}
 *   {"time":…,"type":"line","level":"warning","text":"…"}
 *   {"time":…,"type":"ended","outcome":"success"}
 *
 * Progress is left out. The file is complete when its last line is `ended`.
 */
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders, messageOf } from '@coffre/repository';
import type { RunMessage } from './run-message.ts';

export class RunLog implements Disposable {
  readonly path: string;
  readonly #warn: (sentence: string) => void;
  #file: number | undefined;

  constructor(path: string, warn: (sentence: string) => void) {
    this.path = path;
    this.#warn = warn;
    try {
      makeFolders(dirname(path), 0o700);
      this.#file = openSync(path, 'a', 0o600);
    } catch (error) {
      warn(`the log of this run cannot be written to ${path}: ${messageOf(error)}`);
    }
  }

  write(message: RunMessage, nowMs: number): void {
    if (this.#file === undefined || message.type === 'progress') return;
    try {
      writeSync(this.#file, `${JSON.stringify({ time: new Date(nowMs).toISOString(), ...message })}\n`);
    } catch (error) {
      // A full disk is no reason to stop a backup onto another one.
      this[Symbol.dispose]();
      this.#warn(`the log of this run ends here: ${messageOf(error)}`);
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

const keptMs = 400 * 86_400_000;

/** Logs stay as long as the history does, by whole months. */
export function removeOldLogs(stateFolder: string, nowMs: number): void {
  const oldest = new Date(nowMs - keptMs).toISOString().slice(0, 7);
  const folder = join(stateFolder, 'runs');
  try {
    for (const month of readdirSync(folder)) {
      if (/^\d{4}-\d\d$/.test(month) && month < oldest) rmSync(join(folder, month), { recursive: true, force: true });
    }
  } catch {
    // The next run tries again.
  }
}

/** `runs/2026-11/db-hourly-20261121T190311123Z-4711.jsonl` below the folder of the state. */
export function logPathOf(stateFolder: string, plan: string, nowMs: number, pid: number): string {
  const time = new Date(nowMs).toISOString();
  return join(stateFolder, 'runs', time.slice(0, 7), `${plan}-${time.replaceAll(/[-:.]/g, '')}-${pid}.jsonl`);
}

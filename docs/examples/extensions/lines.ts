/**
 * A trigger: a plan runs when a program prints a line, as `journalctl -f`, `mosquitto_sub -t topic` or `udevadm monitor` do.
 * In coffre.yaml:
 *
 *   extensions: [./lines.ts]
 *   plans: {nightly: {…, schedule: {trigger: {use: lines, settings: {run: [journalctl, -f, -n, "0"], matching: "door opened"}}}}}
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Extension, ExtensionTrigger } from 'coffre';

type Settings = { readonly program: string; readonly words: readonly string[]; readonly matching: RegExp };

const lines: ExtensionTrigger<Settings> = {
  parseSettings(written) {
    const { run, matching = '' } = written as { readonly run?: unknown; readonly matching?: unknown };
    const [program, ...words] = Array.isArray(run) && run.every((word) => typeof word === 'string') ? run : [];
    if (program === undefined) throw new Error('settings.run must be a program and its arguments');
    if (typeof matching !== 'string') throw new Error('settings.matching must be a text');
    return { program, words, matching: new RegExp(matching) };
  },
  async watch({ program, words, matching }, { signal, fire, log }) {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], signal });
    const ended = once(child, 'close').catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    log(`listening to ${program}`);
    for await (const line of createInterface({ input: child.stdout })) if (matching.test(line)) fire(line);
    await ended;
    // Coming back before it was asked to is a failure: it is said, and started again.
    if (!signal.aborted) throw new Error(`${program} ended with exit code ${child.exitCode}`);
  },
};

export const extension = { triggers: { lines } } satisfies Extension;

/** A state with nothing in it, a clock that is moved by hand, and what channels would hear. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config } from '../../config/config.ts';
import type { RunOutcome } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import type { RunId } from '../../store/tables.ts';
import { readLetters } from '../../store/testing/read-letters.ts';
import { handClock, openScene } from '../../store/testing/scene.ts';
import type { HandClock } from '../../store/testing/scene.ts';
import { noteRunEnd } from '../note-run.ts';
import type { RunNote } from '../note-run.ts';
import { noteReminders } from '../reminders.ts';

export const minuteMs = 60_000;
type Route = Config['alerts']['routes'][number];

/** With two channels, `ops` and `phone`. */
export function alertsOf(...routes: readonly Pick<Route, 'when' | 'to' | 'after' | 'nag'>[]): Config['alerts'] {
  const extension = { use: 'chat', settings: {} };
  return {
    channels: { ops: { extension }, phone: { extension } },
    routes: routes.map((route) => ({ severity: 'warning', ...route })),
  };
}

export class AlertScene {
  readonly store: Store;
  readonly clock: HandClock;
  readonly alerts: Config['alerts'];
  #runs = 0;

  constructor(store: Store, clock: HandClock, alerts: Config['alerts']) {
    this.store = store;
    this.clock = clock;
    this.alerts = alerts;
  }

  async ends(outcome: RunOutcome, about: Partial<RunNote> = {}): Promise<void> {
    const runId = (this.#runs += 1) as RunId;
    const note = { plan: 'db', kind: 'backup', runId, outcome, isTriedAgain: false, ...about } as const;
    // Both the process of the run and the daemon write it down.
    for (const _ of ['run', 'daemon']) await noteRunEnd(this.store, this.alerts, note);
  }

  /** Looks every minute. @returns what was told meanwhile */
  async pass(minutes: number): Promise<string[]> {
    const told = await this.told();
    for (let minute = 1; minute <= minutes; minute += 1) {
      this.clock.moveMs(minuteMs);
      await noteReminders(this.store, this.alerts, (plan) => plan === 'db');
      told.push(...(await this.told()).map((words) => `${minute}m ${words}`));
    }
    return told;
  }

  async told(): Promise<string[]> {
    const letters = await readLetters(this.store);
    return letters.map(({ channel, event }) => {
      const { repository } = event.detail;
      return `${channel} ${event.code}${typeof repository === 'string' ? ` ${repository}` : ''}`;
    });
  }
}

export async function alertScene(t: TestContext, alerts: Config['alerts']): Promise<AlertScene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-alert-'));
  const clock = handClock();
  const store = await openScene({ kind: 'sqlite', file: join(folder, 'state.db') }, clock);
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return new AlertScene(store, clock, alerts);
}

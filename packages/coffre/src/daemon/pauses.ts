/** What is paused, as settings of the state say it. */
import { pauseAll, settingsNow } from '../store/settings.ts';
import type { Rows } from '../store/store.ts';

/** Before the name of one plan. */
export const pausePrefix = 'pause:';

export type Pauses = {
  /** Of everything. */
  readonly allUntilMs: number | undefined;
  readonly plansUntilMs: ReadonlyMap<string, number>;
};

/** The last instant that a date can name. */
const foreverMs = 8.64e15;

export async function readPauses(rows: Rows): Promise<Pauses> {
  const plansUntilMs = new Map<string, number>();
  let allUntilMs: number | undefined;
  for (const { name, untilMs = foreverMs } of await settingsNow(rows)) {
    if (name === pauseAll) allUntilMs = untilMs;
    else if (name.startsWith(pausePrefix)) plansUntilMs.set(name.slice(pausePrefix.length), untilMs);
  }
  return { allUntilMs, plansUntilMs };
}

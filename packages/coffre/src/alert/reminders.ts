/**
 * What routes say of time: `after` tells of a trouble only when it has lasted so long, `nag` tells of it again. Whoever
 * looks writes down what is due, so it does not matter who that is or how often.
 */
import type { Config } from '../config/config.ts';
import { newestEvents, recordEvent } from '../store/events.ts';
import { decideAlone } from '../store/exclusive.ts';
import type { Rows, Store } from '../store/store.ts';
import { gravityOf } from './gravity.ts';
import { deliveringChannels, takes } from './routing.ts';
import { families, readStory, storyCodes, toldOf, troublesIn } from './story.ts';
import type { Subject, Told, Trouble } from './story.ts';

const dayMs = 86_400_000;

/** True when it is worth looking at all. */
export function hasReminders({ routes }: Config['alerts']): boolean {
  return routes.some(({ after, nag }) => after !== undefined || nag !== undefined);
}

/** @param isPlan of the configuration: what was taken out of it troubles nobody @returns how many channels are told */
export async function noteReminders(
  store: Store,
  alerts: Config['alerts'],
  isPlan: (plan: string) => boolean,
): Promise<number> {
  if (!hasReminders(alerts)) return 0;
  let count = 0;
  for (const family of families) {
    const inTrouble = (await newestEvents(store, storyCodes(family))).filter((event) => troublesIn(event).length > 0);
    for (const { plan } of inTrouble) {
      if (plan === undefined || !isPlan(plan)) continue;
      // What is found is looked at again where nobody else can tell it meanwhile.
      count += await store.transaction(async (rows) => {
        await decideAlone(rows, `alerts ${plan}`);
        return await remind(rows, alerts, { plan, family });
      });
    }
  }
  return count;
}

async function remind(rows: Rows, alerts: Config['alerts'], { plan, family }: Subject): Promise<number> {
  const { troubles } = await readStory(rows, { plan, family });
  const nowMs = await rows.nowMs();
  let count = 0;
  for (const trouble of troubles) {
    const { repository, causes, reason, sinceMs } = trouble;
    const subject = { plan, family, repository };
    const channels = channelsDue(alerts, trouble, await toldOf(rows, subject, trouble), nowMs);
    if (channels.length === 0) continue;
    const detail = {
      causes,
      since: new Date(sinceMs).toISOString(),
      ...(repository !== undefined && { repository }),
      ...(reason !== undefined && { reason }),
      ...(trouble.count !== undefined && { count: trouble.count }),
    };
    await recordEvent(rows, { code: `${family}.reminded`, plan, detail }, channels);
    count += channels.length;
  }
  return count;
}

/** Pure. What a clock that was far ahead wrote down is not waited for. */
export function channelsDue(
  alerts: Config['alerts'],
  { causes, sinceMs }: Trouble,
  told: ReadonlyMap<string, Told>,
  nowMs: number,
): string[] {
  const lastedMs = nowMs < sinceMs - dayMs ? Number.POSITIVE_INFINITY : nowMs - sinceMs;
  const routes = alerts.routes.filter((route) => takes(route, causes) && lastedMs >= (route.after ?? 0));
  return deliveringChannels(alerts)
    .map(({ name }) => name)
    .filter((name) =>
      routes.some((route) => {
        const { to, after, nag } = route;
        if (!to.includes(name) || (after === undefined && nag === undefined)) return false;
        const heard = told.get(name);
        // What it heard may have been less than what this route is for.
        const meant = causes.filter((cause) => takes(route, [cause]));
        if (heard === undefined || heard.gravity < gravityOf(meant)) return true;
        const toldMs = heard.atMs;
        return nag !== undefined && (nowMs - toldMs >= nag || nowMs < toldMs - dayMs);
      }),
    );
}

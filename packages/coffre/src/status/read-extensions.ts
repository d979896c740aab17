/** What extensions do: triggers and channels of the configuration, as the history knows them. */
import type { Config } from '../config/config.ts';
import { channelFigures } from '../store/letters.ts';
import type { Rows } from '../store/store.ts';
import { triggerStates } from '../store/trigger-states.ts';
import type { StatusFacts } from './facts.ts';

/** What was given up is shown for so long. */
const shownMs = 7 * 86_400_000;

export async function extensionFacts(
  { plans, alerts }: Config,
  rows: Rows | undefined,
  nowMs: number,
): Promise<Pick<StatusFacts, 'triggers' | 'channels'>> {
  const triggers = [...plans.values()].flatMap(({ name, schedule }) =>
    schedule.enabled
      ? schedule.triggers.flatMap((trigger) =>
          trigger.kind === 'extension' ? [{ plan: name, trigger: trigger.use }] : [],
        )
      : [],
  );
  const channels = Object.entries(alerts.channels).flatMap(([name, { extension }]) =>
    extension === undefined ? [] : [name],
  );
  const isNone = triggers.length + channels.length === 0;
  if (isNone) return {};
  const states = rows === undefined || triggers.length === 0 ? [] : await triggerStates(rows);
  return {
    triggers: triggers.map(({ plan, trigger }) => {
      const state = states.find((one) => one.plan === plan && one.name === trigger);
      return { plan, trigger, fired: state?.fired, failing: state?.failing };
    }),
    channels: rows === undefined ? [] : await channelFigures(rows, channels, nowMs - shownMs),
  };
}

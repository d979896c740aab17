/** Sends what is due when a run without a daemon has ended; what does not go soon goes after the next one. */
import { messageOf } from '@coffre/repository/opening';
import { resolveSettings } from '../access/extension-settings.ts';
import { deliverOnce } from '../alert/lanes.ts';
import { noteReminders } from '../alert/reminders.ts';
import { deliveringChannels } from '../alert/routing.ts';
import { lookForOverdue } from '../daemon/overdue.ts';
import { extensionThreads } from '../extension/extension-thread.ts';
import { careName } from '../run/care.ts';
import type { RunSurroundings } from '../run/run-surroundings.ts';
import { mendLetters, waitingChannels } from '../store/letters.ts';

const limitMs = 20_000;

/** Never rejects: that nobody could be told is no failure of a backup. */
export async function sendAfterRun(around: RunSurroundings, warn: (sentence: string) => void): Promise<void> {
  const { config, store, machine, repositories } = around;
  const failed = (event: string, { channel, reason }: Readonly<Record<string, unknown>>): void =>
    warn(
      `${event === 'notice.given_up' ? 'a notice was given up' : 'a notice was not delivered yet'}: ${String(channel)}: ${String(reason)}`,
    );
  const plans = new Set<string>([...config.plans.keys(), ...[...config.repositories.keys()].map(careName)]);
  try {
    const nowByClockMs = Number(around.source.clock.nowNs() / 1_000_000n);
    await lookForOverdue(config, [...config.plans.values()], { store, machine, nowMs: nowByClockMs });
    await noteReminders(store, config.alerts, (plan) => plans.has(plan));
    const waiting = new Set(await waitingChannels(store));
    const channels = deliveringChannels(config.alerts).filter(({ name }) => waiting.has(name));
    if (channels.length === 0) return;
    // Where there is no daemon, nobody else does.
    await store.queue.tend();
    await mendLetters(store);
    const parts = {
      store,
      sender: { alerts: config.alerts, company: config.company, host: machine.host },
      places: repositories.extensions ?? { names: [], folder: '.' },
      startThread: extensionThreads({ graceMs: 1000 }),
      resolve: async (settings: unknown) => await resolveSettings(settings, config.secrets, repositories.doors),
      log: { info: () => undefined, warn: failed, error: failed },
    };
    await deliverOnce(channels, parts, AbortSignal.timeout(limitMs));
  } catch (error) {
    warn(`notices could not be sent: ${messageOf(error)}`);
  }
}

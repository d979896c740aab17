/** Which channels an event goes to, by the routes of the configuration. Pure. */
import type { Config } from '../config/config.ts';
import type { NoticeSeverity } from '../extension/notice.ts';

type Alerts = Config['alerts'];
export type AlertCause = Exclude<Alerts['routes'][number]['when'], string>[number];

/** A channel that can deliver; those of the other kinds are for now only written down. */
export type DeliveringChannel = {
  readonly name: string;
  readonly use: string;
  /** As they are written: secrets are references. */
  readonly settings: Readonly<Record<string, unknown>>;
};

export function deliveringChannels({ channels }: Alerts): DeliveringChannel[] {
  return Object.entries(channels).flatMap(([name, { extension }]) =>
    extension === undefined ? [] : [{ name, ...extension }],
  );
}

/** In the order of the file. What happens at one moment cannot last: a route with `after` gets it at once. */
export function channelsFor(alerts: Alerts, causes: readonly AlertCause[]): string[] {
  return namesIn(alerts, new Set(alerts.routes.filter((route) => takes(route, causes)).flatMap(({ to }) => to)));
}

/** Whom a trouble concerns that begins; a route with `after` waits whether it lasts. */
export function channelsAtOnce(alerts: Alerts, causes: readonly AlertCause[]): string[] {
  const wanted = alerts.routes.filter((route) => !waits(route) && takes(route, causes));
  return namesIn(alerts, new Set(wanted.flatMap(({ to }) => to)));
}

/** Who was to hear of a trouble and has not heard of it yet is spared its end. */
export function channelsOnRecovery(alerts: Alerts, causes: readonly AlertCause[], told: ReadonlySet<string>): string[] {
  const wanted = new Set(alerts.routes.filter((route) => takes(route, ['recovered'])).flatMap(({ to }) => to));
  const waiting = new Set(
    alerts.routes.filter((route) => waits(route) && takes(route, causes)).flatMap(({ to }) => to),
  );
  for (const name of waiting) if (!told.has(name)) wanted.delete(name);
  return namesIn(alerts, wanted);
}

function namesIn(alerts: Alerts, wanted: ReadonlySet<string>): string[] {
  return deliveringChannels(alerts)
    .map(({ name }) => name)
    .filter((name) => wanted.has(name));
}

function waits({ after }: Alerts['routes'][number]): boolean {
  return after !== undefined && after > 0;
}

const loudness: readonly NoticeSeverity[] = ['info', 'warning', 'critical'];

/** As loud as the loudest of its routes; a route that is gone since was a warning. */
export function severityFor(alerts: Alerts, channel: string, causes: readonly string[]): NoticeSeverity {
  const said = alerts.routes.filter((route) => route.to.includes(channel) && takes(route, causes));
  if (said.length === 0) return 'warning';
  return loudness[Math.max(...said.map(({ severity }) => loudness.indexOf(severity)))]!;
}

/** `always` takes everything. */
export function takes({ when }: Alerts['routes'][number], causes: readonly string[]): boolean {
  if (typeof when === 'string') return when === 'always';
  return when.some((cause) => causes.includes(cause));
}

/** What this version takes, checks and keeps, and does nothing with: `config check` says so, instead of somebody waiting. */
import type { Config } from './config.ts';
import { keyPlaceAt, placeAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

type Cause = Exclude<Config['alerts']['routes'][number]['when'], string>[number];

/** Causes that nothing tells of by itself; `coffre status` shows what stands behind them. */
const untold: ReadonlySet<string> = new Set<Cause>([
  'transfer_integrity_failed',
  'stale_report',
  'size_anomaly',
  'drill_failed',
  'drill_late',
  'agent_lost',
  'restore_needed',
]);

const statusHint = 'Let cron or your monitoring ask `coffre status --fail-on warning`.';

const sections: readonly { readonly path: ConfigPath; readonly words: string; readonly hint: string }[] = [
  { path: ['alerts', 'heartbeat'], words: 'is called by nobody yet', hint: statusHint },
  {
    path: ['drills'],
    words: 'are run by nobody yet',
    hint: 'Restore by hand: `coffre restore` and `coffre db restore`.',
  },
  { path: ['fleet'], words: 'is looked at by nobody yet', hint: statusHint },
  {
    path: ['server', 'audit'],
    words: 'is sent to nobody yet',
    hint: '`coffre audit export` writes what it would get.',
  },
];

export function idleMistakes(root: Located): Mistake[] {
  const found = sections.flatMap(({ path, words, hint }): Mistake[] =>
    valueAt(root, path) === undefined ? [] : [idle(root, path, words, hint)],
  );
  return [...found, ...idleMetrics(root), ...idleChannels(root), ...idleRoutes(root)];
}

function idleMetrics(root: Located): Mistake[] {
  const path = ['server', 'metrics'];
  const value = valueAt(root, path);
  if (value?.kind !== 'scalar' || value.value !== true) return [];
  return [
    idle(root, path, 'is served by nobody yet', '`coffre status --prom-file PATH` writes metrics for Prometheus.'),
  ];
}

function idleChannels(root: Located): Mistake[] {
  const channels = valueAt(root, ['alerts', 'channels']);
  if (channels?.kind !== 'map') return [];
  return [...channels.entries].flatMap(([name, { value }]) => {
    if (value.kind !== 'map' || value.entries.size === 0 || value.entries.has('extension')) return [];
    const hint = 'docs/guides/extensions.md has a channel of forty lines that sends to a chat.';
    return [idle(root, ['alerts', 'channels', name], 'gets nothing yet: only channels of extensions deliver', hint)];
  });
}

function idleRoutes(root: Located): Mistake[] {
  const routes = valueAt(root, ['alerts', 'routes']);
  if (routes?.kind !== 'list') return [];
  return routes.items.flatMap((_, index): Mistake[] => {
    const path = ['alerts', 'routes', index, 'when'];
    const when = valueAt(root, path);
    if (when?.kind === 'scalar' && when.value === 'digest') {
      const hint = '`coffre report weekly` makes one; let cron send it.';
      return [idleAt(root, ['alerts', 'routes', index], 'sends nothing yet: there are no digests', hint)];
    }
    if (when?.kind !== 'list') return [];
    const causes = when.items.flatMap((item) =>
      item.kind === 'scalar' && typeof item.value === 'string' && untold.has(item.value) ? [item.value] : [],
    );
    if (causes.length === 0) return [];
    return [idleAt(root, path, `names causes that nothing tells of yet: ${causes.join(', ')}`, statusHint)];
  });
}

function idle(root: Located, path: ConfigPath, words: string, hint: string): Mistake {
  return warning(keyPlaceAt(root, path), path, words, hint);
}

function idleAt(root: Located, path: ConfigPath, words: string, hint: string): Mistake {
  return warning(placeAt(root, path), path, words, hint);
}

function warning(place: Mistake['place'], path: ConfigPath, words: string, hint: string): Mistake {
  return { severity: 'warning', place, path, message: `\`${pathText(path)}\` ${words}`, hint };
}

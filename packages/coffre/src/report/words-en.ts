import type { ReportWords } from './words.ts';

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** A share that is not whole never shows as 100. */
function percentText(share: number): string {
  const tenths = share < 1 ? Math.floor(share * 1000) / 10 : 100;
  return `${Number.isInteger(tenths) ? tenths : tenths.toFixed(1)}%`;
}

export const english: ReportWords = {
  title: { daily: 'Daily backup report', weekly: 'Weekly backup report', monthly: 'Monthly backup report' },
  days: (first, last, zone) => `${first === last ? first : `${first} to ${last}`} (${zone})`,
  soFar: (until) => `so far, up to ${until}`,
  column: {
    plan: 'Plan',
    source: 'Source',
    repository: 'Repository',
    time: 'Time',
    what: 'What',
    outcome: 'Outcome',
    code: 'Code',
    reason: 'Cause',
    good: 'Good',
    failed: 'Failed',
    success: 'Success',
    inTime: 'In time',
    late: 'Late',
    missed: 'Missed',
    duration: 'Duration',
    trend: 'Trend',
    read: 'Read',
    added: 'New',
    stored: 'Stored',
    full: 'Restore',
    differential: 'Differential',
    incremental: 'Incremental',
    before: 'Period before',
    objective: 'Objective',
    worstAge: 'Oldest',
    kept: 'Of the time',
    met: 'Met',
    used: 'Used',
    free: 'Free',
    fullIn: 'Full in',
    removed: 'Expired',
    count: 'Times',
    newest: 'Last',
    name: 'Name',
    pinned: 'Pinned',
    day: 'Day',
  },
  heading: {
    plans: 'Plans',
    amounts: 'Read, new and stored',
    failures: 'Failures and warnings',
    missed: 'Missed and late',
    objectives: 'Objectives',
    copies: 'Copies',
    storage: 'Storage',
    verifications: 'Verifications',
    restores: 'Restores and drills',
    named: 'Named backups',
    days: 'Day by day',
    now: 'Now',
  },
  figure: {
    success: 'Success rate',
    slots: 'Slots in time',
    duration: 'Mean duration',
    copies: 'Copies',
    stored: 'Stored',
    objectives: 'Objectives met',
    verifications: 'Verifications good',
    restores: 'Restores good',
  },
  chart: { runs: 'Good and failed backups', stored: 'Stored', duration: 'Mean duration' },
  runsOfDay: (good, bad) => `${good} good, ${bad} failed`,
  kind: {
    backup: 'backup',
    source: 'backup',
    copy: 'copy',
    retention: 'retention',
    prune: 'prune',
    check: 'check',
    verify: 'verification',
    restore: 'restore',
    drill: 'drill',
  },
  outcome: {
    success: 'good',
    warning: 'warning',
    failed: 'failed',
    cancelled: 'cancelled',
    skipped: 'skipped',
    lost: 'lost',
  },
  slot: {
    success: 'in time',
    'success-late': 'done late',
    failed: 'failed',
    missed: 'missed',
    skipped: 'skipped',
    open: 'still missing',
  },
  look: {
    list: 'listed',
    pack: 'one pack read',
    check: 'checked',
    'check-read': 'read back',
    verify: 'proved',
    restore: 'restored',
    drill: 'drill',
  },
  found: { good: 'good', damaged: 'DAMAGED', unreachable: 'unreachable' },
  yes: 'yes',
  no: 'no',
  none: '-',
  never: 'never',
  percent: percentText,
  change: (share) => `${share < 0 ? '-' : '+'}${Math.abs(Math.round(share * 100))}%`,
  bytes: (text) => text,
  of: (part, whole) => `${part} of ${whole}`,
  against: (now, before) => `${now} (before: ${before})`,
  cut: (shown) => `The first ${shown} are shown; there are more.`,
  nothing: {
    runs: 'No plan ran.',
    failures: 'Nothing failed.',
    missed: 'No slot was missed.',
    objectives: 'No source has an objective.',
    copies: 'Nothing was copied.',
    storage: 'No repository is configured.',
    verifications: 'Nothing was verified.',
    restores: 'Nothing was restored, and no drill was run. A backup that was never restored is a hope.',
    named: 'No backup was given a name.',
  },
  storedMeans: 'Stored is what backups and copies added; what was expired and pruned is not taken off.',
  restoreMeans:
    'A restore of the newest backup, estimated: of all, of what came since the last full read, since the backup before. With (?) nothing was measured yet, and 25 MiB/s are assumed.',
  assumed: (duration) => `${duration} (?)`,
  sentence: (facts) => {
    const { good, bad } = facts;
    if (good + bad === 0) return 'No backup was made';
    const troubles = [
      facts.damaged > 0 ? `damage was found ${plural(facts.damaged, 'time')}` : '',
      facts.objectivesBroken > 0 ? `${plural(facts.objectivesBroken, 'objective')} not kept` : '',
      facts.missed > 0 ? `${plural(facts.missed, 'slot')} missed` : '',
      facts.copiesFailed > 0 ? plural(facts.copiesFailed, 'failed copy', 'failed copies') : '',
    ].filter((text) => text !== '');
    const lead =
      bad === 0
        ? good === 1
          ? 'The one backup was good'
          : `All ${good} backups were good`
        : `${bad} of ${good + bad} backups failed`;
    return troubles.length === 0 ? lead : `${lead}; ${troubles.join(', ')}`;
  },
  now: (sentence) => `At the time of this report: ${sentence}.`,
  footer: (version, time) => `Made by Coffre ${version} on ${time}.`,
};

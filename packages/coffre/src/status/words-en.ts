import type { Problem } from './problem.ts';
import type { StatusWords } from './words.ts';

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

export const english: StatusWords = {
  day: 'd',
  level: { ok: 'ok', unknown: 'unknown', warning: 'warning', critical: 'CRITICAL' },
  phase: {
    waiting: 'waiting',
    running: 'running',
    late: 'late',
    paused: 'paused',
    disabled: 'switched off',
    by_hand: 'by hand',
    no_agent: 'no agent',
  },
  column: {
    state: 'State',
    plan: 'Plan',
    source: 'Source',
    repository: 'Repository',
    lastGood: 'Last good',
    age: 'Age',
    next: 'Next',
    proof: 'Proof',
    rule: '3-2-1',
    medium: 'Medium',
    place: 'Place',
    listed: 'Listed',
    read: 'Read back',
    free: 'Used',
    fullIn: 'Full in',
    protection: 'Protection',
  },
  colon: ':',
  never: 'never',
  notListedYet: 'not listed yet',
  unknown: 'unknown',
  none: '-',
  nothingPlanned: 'No plan is configured: nothing is backed up',
  allFine: (plans, oldest) =>
    plans === 1
      ? `The plan is fine; its oldest backup is ${oldest} old`
      : `All ${plans} plans are fine; the oldest backup is ${oldest} old`,
  someNot: (plans, total) => `${plans} of ${plural(total, 'plan')} ${plans === 1 ? 'is' : 'are'} not fine`,
  elsewhere: (plans) =>
    plans === 1 ? 'The plan is fine, but not everything else' : `All ${plans} plans are fine, but not everything else`,
  more: (count, counts) => `and ${count} more${counts === undefined ? '' : `: ${counts}`}`,
  oneOf: '`coffre status PLAN` and `--site SITE` show a part, `--json` everything',
  andMore: (count) => `and ${count} more`,
  ageOf: (age, objective) => `${age} of ${objective}`,
  running: (since) => `running for ${since}`,
  waits: (slots) => plural(slots, 'open slot'),
  when: { each: 'after each', schedule: 'on schedule', manual: 'by hand' },
  waivedWord: 'waived',
  waived: (rule, reason, until) => `${rule}${until === undefined ? '' : ` until ${until}`}: ${reason}`,
  appendOnly: 'append-only',
  objectLock: (duration) => `locked for ${duration}`,
  maintainedBy: (host) => `kept by ${host}`,
  busy: (holders) => `in use by ${plural(holders, 'run')}`,
  usedOf: (percent, capacity) => `${percent}% of ${capacity}`,
  days: (days) => plural(Math.floor(days), 'day'),
  fired: (trigger, age) =>
    age === undefined ? `trigger ${trigger} has not fired yet` : `trigger ${trigger} fired ${age} ago`,
  problem: problemText,
};

function problemText(problem: Problem, age: (durationMs: number) => string): string {
  const { cause, count, detail, overMs, percent } = problem;
  const code = problem.failure === undefined ? '' : ` (${problem.failure.code})`;
  const because = detail === undefined ? code : `: ${detail}${code}`;
  const over = overMs === undefined ? '' : ` by ${age(overMs)}`;
  const times = count === undefined ? '' : `, ${count} times in a row`;
  const where = problem.repository === undefined ? 'the repository' : problem.repository;
  switch (cause) {
    case 'never_ran':
      return 'it was never backed up';
    case 'failed':
      return `the last backup failed${times}${because}`;
    case 'lost':
      return `the last run ended without a word: its process is gone${times}`;
    case 'missing':
      return `a backup is missing, overdue${over}`;
    case 'late':
      return `the backup is late${over}`;
    case 'overrun':
      return `the run takes much longer than usual${overMs === undefined ? '' : `: ${age(overMs)} by now`}`;
    case 'objective_broken':
      return `the newest backup is too old${over}`;
    case 'objective_at_risk':
      return `the newest backup will be too old${overMs === undefined ? '' : ` in ${age(overMs)}`}, before the next one is due`;
    case 'incomplete':
      return `the newest backup is not complete${because}`;
    case 'hash_mismatch':
      return problem.failure === undefined
        ? `damage was found in ${where}, which holds its backups`
        : `the last backup is stored otherwise than it was read${times}${because}`;
    case 'paused':
      return `paused${overMs === undefined ? '' : ` for another ${age(overMs)}`}${because}`;
    case 'disabled':
      return 'switched off in the configuration';
    case 'no_agent':
      return `no agent${detail === undefined ? '' : ` for ${detail}`}: nothing is known of it here`;
    case 'unprotected':
      return 'no plan backs it up';
    case 'retention_suspended':
      return `old backups are kept in ${where}, retention is suspended${because}`;
    case 'retention_failed':
      return `retention failed in ${where}${because}`;
    case 'copy_never':
      return `it was never copied to ${where}`;
    case 'copy_late':
      return `the copy in ${where} is late${over}`;
    case 'copy_failed':
      return `the last copy to ${where} failed${because}`;
    case 'no_offsite':
      return `no good backup is at another place${detail === undefined ? '' : `; the waiver ended on ${detail}`}`;
    case 'few_copies':
      return `${plural(count ?? 0, 'copy', 'copies')} with the original; three are the rule`;
    case 'one_medium':
      return `${plural(count ?? 0, 'known medium', 'known media')}; two are the rule`;
    case 'trigger_failed':
      return `the trigger does not work${because}`;
    case 'notices_waiting':
      return `${plural(count ?? 0, 'notice')} cannot be delivered${because}`;
    case 'notices_given_up':
      return `${plural(count ?? 0, 'notice')} of the last week ${count === 1 ? 'was' : 'were'} given up${because}`;
    case 'damaged':
      return `damage was found${because}`;
    case 'unreachable':
      return `it cannot be reached${because}`;
    case 'not_listed':
      return 'nobody has looked whether it is there for two days';
    case 'check_late':
      return 'its check is overdue';
    case 'not_verified':
      return 'it was not read back as a whole within its time';
    case 'capacity':
      return `it is ${percent ?? 0}% full${count === undefined ? '' : `, and has room for ${plural(count, 'day')}`}`;
    default:
      return cause satisfies never;
  }
}

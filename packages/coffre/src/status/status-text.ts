/** `status` for people: the sentence, what is wrong, each source, each repository. */
import { quoteName, withoutControls } from '../cli/output/display.ts';
import { formatBytes } from '../cli/output/format.ts';
import { tableLines } from '../cli/output/table.ts';
import { ageText, spanText } from './age.ts';
import type { CopyState, ItemState, TrackState } from './item.ts';
import type { LocalTime } from './local-time.ts';
import type { Level, Problem } from './problem.ts';
import type { RepositoryState } from './repository.ts';
import type { Status } from './status.ts';
import type { StatusWords } from './words.ts';

export type StatusShown = {
  readonly words: StatusWords;
  readonly localTime: LocalTime;
  /** Colours a word by how bad it is. */
  readonly paint: (text: string, level: Level) => string;
};

/** One line; never ends with a full stop, so that it can stand in a subject. */
export function statusSentence(status: Status, words: StatusWords): string {
  const { plans, worst, items } = status;
  if (plans.total === 0 && worst === undefined) return words.nothingPlanned;
  if (worst === undefined) return words.allFine(plans.total, oldestAge(items, words));
  const bad = plans.total - plans.byLevel.ok;
  const lead = bad === 0 ? words.elsewhere(plans.total) : words.someNot(bad, plans.total);
  const about = [worst.plan, worst.subject].filter((name) => name !== undefined).map(quoteName);
  const more = problemCount(status) - 1;
  const tail = more > 0 ? ` (${words.andMore(more)})` : '';
  return `${lead}${words.colon} ${about.join(', ')}${words.colon} ${problemText(worst.problem, words)}${tail}`;
}

function oldestAge(items: readonly ItemState[], words: StatusWords): string {
  const ages = items.flatMap(({ backup }) => backup.ageMs ?? []);
  return ages.length === 0 ? words.unknown : ageText(Math.max(...ages), words.day);
}

function problemCount({ items, repositories, unplanned, triggers, channels }: Status): number {
  const counted = [...items, ...repositories].map(
    ({ problems }) => problems.filter(({ level }) => level !== 'ok').length,
  );
  const beside = [...triggers, ...channels].flatMap(({ problems }) => problems).length;
  return counted.reduce((sum, count) => sum + count, 0) + unplanned.length + beside;
}

export function problemText(problem: Problem, words: StatusWords): string {
  const named = problem.repository === undefined ? problem : { ...problem, repository: quoteName(problem.repository) };
  const text = words.problem(named, (durationMs) => ageText(durationMs, words.day));
  return oneLine(text);
}

function oneLine(text: string): string {
  return withoutControls(text).replace(/\s+/g, ' ').trim();
}

export function statusLines(status: Status, shown: StatusShown): string[] {
  const { words, paint } = shown;
  return [
    paint(statusSentence(status, words), status.level),
    ...section([...problemLines(status, shown), ...cut(waiverLines(status, shown), words)]),
    ...section(status.items.length === 0 ? [] : itemTable(status, shown)),
    ...section(status.repositories.length === 0 ? [] : repositoryTable(status, shown)),
    ...section(triggerLines(status, shown)),
  ];
}

function section(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Nobody reads thousands of lines: the worst are shown, the others counted. */
const shownMax = 100;

function cut(lines: readonly string[], words: StatusWords): string[] {
  return lines.length <= shownMax ? [...lines] : [...lines.slice(0, shownMax), words.more(lines.length - shownMax)];
}

function countText(levelsOf: readonly Level[], words: StatusWords): string {
  return (['critical', 'warning', 'unknown', 'ok'] as const)
    .map((level) => ({ level, count: levelsOf.filter((one) => one === level).length }))
    .filter(({ count }) => count > 0)
    .map(({ level, count }) => `${count} ${words.level[level]}`)
    .join(', ');
}

/** Everything that is not as it should be, worst first. */
function problemLines(status: Status, { words, paint }: StatusShown): string[] {
  const all = [
    ...status.repositories.flatMap(({ name, problems }) => problems.map((problem) => ({ about: [name], problem }))),
    ...status.items.flatMap(({ plan, source, problems }) =>
      problems.map((problem) => ({ about: [plan, source], problem })),
    ),
    ...status.unplanned.map(({ source, problem }) => ({ about: [source], problem })),
    ...status.triggers.flatMap(({ plan, trigger, problems }) =>
      problems.map((problem) => ({ about: [plan, trigger], problem })),
    ),
    ...status.channels.flatMap(({ channel, problems }) => problems.map((problem) => ({ about: [channel], problem }))),
  ];
  const width = stateWidth(words);
  const sorted = (['critical', 'warning', 'unknown'] as const).flatMap((level) =>
    all.filter(({ problem }) => problem.level === level),
  );
  const lines = sorted.slice(0, shownMax).map(({ about, problem }) => {
    const lead = paint(words.level[problem.level].padEnd(width), problem.level);
    return `${lead}  ${about.map(quoteName).join(', ')}${words.colon} ${problemText(problem, words)}`;
  });
  const rest = sorted.slice(shownMax).map(({ problem }) => problem.level);
  return rest.length === 0 ? lines : [...lines, words.more(rest.length, countText(rest, words))];
}

/** What would be wrong and was given up on purpose, with the reason. */
function waiverLines({ items }: Status, { words }: StatusShown): string[] {
  const width = stateWidth(words);
  return items.flatMap(({ plan, source, threeTwoOne }) => {
    const { copies, media, isOffsite, waived } = threeTwoOne;
    const isNeeded = { offsite: !isOffsite, copies: copies < 3, media: media < 2 };
    return waived
      .filter(({ rule }) => isNeeded[rule])
      .map(({ rule, reason, until }) => {
        const about = [plan, source].map(quoteName).join(', ');
        const text = oneLine(words.waived(rule, reason, until));
        return `${words.waivedWord.padEnd(width)}  ${about}${words.colon} ${text}`;
      });
  });
}

function stateWidth(words: StatusWords): number {
  return Math.max(words.waivedWord.length, ...Object.values(words.level).map((word) => word.length));
}

function itemTable({ items, atMs }: Status, shown: StatusShown): string[] {
  const { words } = shown;
  const rows = items.slice(0, shownMax).map((item) => {
    const tracks = [item.backup, ...item.copies];
    return [
      [words.level[item.level], phaseText(item, atMs, shown)].filter(Boolean).join('\n'),
      quoteName(item.plan),
      quoteName(item.source),
      tracks.map(({ repository }) => quoteName(repository)).join('\n'),
      tracks.map((track) => timeText(track, shown)).join('\n'),
      [backupAge(item, words), ...item.copies.map((copy) => copyAge(copy, words))].join('\n'),
      [nextText(item, shown), ...item.copies.map((copy) => copyNext(copy, shown))].join('\n'),
      tracks.map((track) => proofText(track, item.backup, words)).join('\n'),
      ruleText(item, words),
    ];
  });
  const { column } = words;
  const columns = [
    column.state,
    column.plan,
    column.source,
    column.repository,
    column.lastGood,
    column.age,
    column.next,
    column.proof,
    column.rule,
  ];
  const rest = items.slice(shownMax).map(({ level }) => level);
  const table = painted(tableLines({ columns, rows }), shown);
  return rest.length === 0 ? table : [...table, words.more(rest.length, countText(rest, words)), words.oneOf];
}

/** Only where a line begins with the word, so that no name is taken for a state. */
function painted(lines: readonly string[], { words, paint }: StatusShown): string[] {
  return lines.map((line) => {
    for (const level of ['critical', 'warning', 'unknown', 'ok'] as const) {
      const word = words.level[level];
      if (line.startsWith(`${word} `)) return paint(word, level) + line.slice(word.length);
    }
    return line;
  });
}

function phaseText(
  { phase, runningSinceMs, openSlots, failures }: ItemState,
  nowMs: number,
  { words }: StatusShown,
): string {
  if (runningSinceMs !== undefined) return words.running(ageText(nowMs - runningSinceMs, words.day));
  const slots = openSlots > 0 && failures > 0 ? words.waits(openSlots) : '';
  return phase === 'waiting' ? slots : words.phase[phase];
}

function timeText({ lastGoodMs }: TrackState, { words, localTime }: StatusShown): string {
  return lastGoodMs === undefined ? words.never : localTime(lastGoodMs);
}

function backupAge({ backup, objectiveMs }: ItemState, words: StatusWords): string {
  return againstObjective(backup.ageMs, objectiveMs, words);
}

/** A copy is late by what waits, not by its age. */
function copyAge({ ageMs, objectiveMs }: CopyState, words: StatusWords): string {
  return againstObjective(ageMs, objectiveMs, words);
}

function againstObjective(ageMs: number | undefined, objectiveMs: number | undefined, words: StatusWords): string {
  if (ageMs === undefined) return words.none;
  const age = ageText(ageMs, words.day);
  return objectiveMs === undefined ? age : words.ageOf(age, spanText(objectiveMs, words.day));
}

function nextText({ nextDueMs, phase }: ItemState, { words, localTime }: StatusShown): string {
  if (phase === 'disabled' || phase === 'no_agent') return words.none;
  return nextDueMs === undefined ? (phase === 'by_hand' ? words.phase.by_hand : words.none) : localTime(nextDueMs);
}

function copyNext({ when, nextDueMs }: CopyState, { words, localTime }: StatusShown): string {
  return nextDueMs === undefined ? words.when[when] : localTime(nextDueMs);
}

function proofText({ proof, lastGoodMs }: TrackState, backup: TrackState, words: StatusWords): string {
  if (proof === undefined || lastGoodMs === undefined || backup.lastGoodMs === undefined) return words.none;
  return `L${proof.level}`;
}

function ruleText({ threeTwoOne, foreignHost }: ItemState, words: StatusWords): string {
  if (foreignHost !== undefined) return words.none;
  const { copies, media, places } = threeTwoOne;
  const isBroken = threeTwoOne.problems.some(({ cause }) => cause === 'no_offsite');
  return `${copies}×${media}×${places}${isBroken ? ' !' : ''}`;
}

function repositoryTable(status: Status, shown: StatusShown): string[] {
  const { words } = shown;
  const { column } = words;
  const rows = status.repositories.map((repository) => [
    repository.level === 'ok' && repository.listedMs === undefined ? words.notListedYet : words.level[repository.level],
    quoteName(repository.name),
    repository.medium ?? words.unknown,
    repository.place === undefined ? words.unknown : quoteName(repository.place),
    seen(repository.listedMs, status.atMs, words),
    seen(repository.readMs, status.atMs, words),
    usedText(repository, words),
    repository.room?.daysToFull === undefined ? words.none : words.days(repository.room.daysToFull),
    protectionText(repository, words),
  ]);
  const columns = [
    column.state,
    column.repository,
    column.medium,
    column.place,
    column.listed,
    column.read,
    column.free,
    column.fullIn,
    column.protection,
  ];
  return painted(tableLines({ columns, rows }), shown);
}

/** When something of another program started a plan last. */
function triggerLines({ triggers, atMs }: Status, { words }: StatusShown): string[] {
  return triggers.map(({ plan, trigger, fired }) => {
    const age = fired === undefined ? undefined : ageText(atMs - fired.atMs, words.day);
    const reason = fired?.reason === undefined ? '' : `${words.colon} ${oneLine(fired.reason)}`;
    return `${quoteName(plan)}${words.colon} ${words.fired(quoteName(trigger), age)}${reason}`;
  });
}

function seen(atMs: number | undefined, nowMs: number, words: StatusWords): string {
  return atMs === undefined ? words.never : ageText(nowMs - atMs, words.day);
}

function usedText({ room }: RepositoryState, words: StatusWords): string {
  if (room === undefined) return words.none;
  const { usedPercent, capacityBytes, sizeBytes } = room;
  if (usedPercent === undefined || capacityBytes === undefined) {
    return sizeBytes === undefined ? words.none : formatBytes(sizeBytes);
  }
  return words.usedOf(Math.floor(usedPercent), formatBytes(capacityBytes));
}

function protectionText(repository: RepositoryState, words: StatusWords): string {
  const facts = [
    repository.isAppendOnly ? words.appendOnly : '',
    repository.objectLockMs === undefined ? '' : words.objectLock(spanText(repository.objectLockMs, words.day)),
    repository.maintainedBy === undefined ? '' : words.maintainedBy(quoteName(repository.maintainedBy)),
    repository.holders.length === 0 ? '' : words.busy(repository.holders.length),
  ].filter((fact) => fact !== '');
  return facts.length === 0 ? words.none : facts.join(', ');
}

/** When a source of files must not be saved, because what is there is surely not what is meant to be there. Pure. */

export type GuardAction = 'refuse' | 'warn' | 'allow';

export type GuardRules = {
  /** When nothing is there any more. */
  readonly emptySource: GuardAction;
  /** When a path that was on a disk of its own is on that of `/`. */
  readonly wrongMount: GuardAction;
  readonly filesMin: number;
  /** Per cent of the files or bytes of the last complete snapshot. */
  readonly shrinkOverPercent: number | undefined;
  readonly growthOverPercent: number | undefined;
  /** When it grew by more than that. */
  readonly overGrowth: GuardAction;
};

export const usualGuards: GuardRules = {
  emptySource: 'refuse',
  wrongMount: 'refuse',
  filesMin: 1,
  shrinkOverPercent: 40,
  growthOverPercent: 300,
  overGrowth: 'refuse',
};

export type MeasuredPath = {
  readonly path: string;
  /** Of the file system; numbers change when disks are plugged in another order. */
  readonly device: string;
  /** On the file system of `/`, where a path is that lost its mount. */
  readonly isOnRoot: boolean;
};

export type Measured = {
  readonly files: number;
  readonly bytes: number;
  readonly paths: readonly MeasuredPath[];
  /** Paths that were named and are not there. */
  readonly missing: readonly string[];
};

export type GuardDecision = { readonly refusals: readonly string[]; readonly warnings: readonly string[] };

/** Below this many files or bytes, a per cent says nothing. */
const filesThatCount = 10;
const bytesThatCount = 1024 * 1024;

/** @param last what the last complete snapshot held; undefined for the first one */
export function decideGuards(rules: GuardRules, now: Measured, last: Measured | undefined): GuardDecision {
  const refusals = now.missing.map((path) => `${path} is not there`);
  const warnings: string[] = [];
  const say = (action: GuardAction, sentence: string): void => {
    if (action === 'refuse') refusals.push(sentence);
    else if (action === 'warn') warnings.push(sentence);
  };
  for (const { path, isOnRoot, device } of now.paths) {
    const before = last?.paths.find((one) => one.path === path);
    if (before === undefined || before.device === device) continue;
    if (isOnRoot && !before.isOnRoot) say(rules.wrongMount, `${path} is not mounted: it was on a disk of its own`);
    else warnings.push(`${path} is on another file system than last time`);
  }
  if (now.files === 0) {
    const was = last === undefined ? 'no file is there' : `no file is there any more, and there were ${last.files}`;
    say(rules.emptySource, was);
  } else if (now.files > 0 && now.files < rules.filesMin) {
    refusals.push(`only ${now.files} files are there, and ${rules.filesMin} are the least`);
  }
  if (last !== undefined && now.files > 0) {
    for (const [noun, atLeast] of [
      ['files', filesThatCount],
      ['bytes', bytesThatCount],
    ] as const) {
      const { kind, sentence } = jump(noun, now[noun], last[noun], atLeast, rules) ?? {};
      if (sentence !== undefined) say(kind === 'growth' ? rules.overGrowth : 'refuse', sentence);
    }
  }
  return { refusals, warnings };
}

type Jump = { readonly kind: 'shrink' | 'growth'; readonly sentence: string };

function jump(
  noun: 'files' | 'bytes',
  now: number,
  before: number,
  atLeast: number,
  rules: GuardRules,
): Jump | undefined {
  const { shrinkOverPercent, growthOverPercent } = rules;
  if (before === 0 || Math.max(before, now) < atLeast) return undefined;
  const percent = Math.round(((now - before) / before) * 100);
  if (shrinkOverPercent !== undefined && -percent > shrinkOverPercent) {
    const sentence = `${now} ${noun} are ${-percent}% less than last time (${before}), more than ${shrinkOverPercent}%`;
    return { kind: 'shrink', sentence };
  }
  if (growthOverPercent !== undefined && percent > growthOverPercent) {
    const sentence = `${now} ${noun} are ${percent}% more than last time (${before}), more than ${growthOverPercent}%`;
    return { kind: 'growth', sentence };
  }
  return undefined;
}

/** What `status` and the reports say, language by language. Names and reasons go in as they are; who prints makes them safe. */
import type { Language } from '../schedule/phrases.ts';
import type { ItemPhase } from './item.ts';
import type { Level, Problem } from './problem.ts';
import { english } from './words-en.ts';
import { french } from './words-fr.ts';

export type StatusColumn =
  | 'state'
  | 'plan'
  | 'source'
  | 'repository'
  | 'lastGood'
  | 'age'
  | 'next'
  | 'proof'
  | 'rule'
  | 'medium'
  | 'place'
  | 'listed'
  | 'read'
  | 'free'
  | 'fullIn'
  | 'protection';

export type StatusWords = {
  readonly day: string;
  readonly level: Readonly<Record<Level, string>>;
  readonly phase: Readonly<Record<ItemPhase, string>>;
  readonly column: Readonly<Record<StatusColumn, string>>;
  /** As it stands after a word. */
  readonly colon: string;
  readonly never: string;
  /** Of a repository that nobody looked at, so that nothing speaks against it. */
  readonly notListedYet: string;
  readonly unknown: string;
  readonly none: string;
  readonly nothingPlanned: string;
  readonly allFine: (plans: number, oldest: string) => string;
  /** Not all is well: how many plans are not, of how many. */
  readonly someNot: (plans: number, total: number) => string;
  /** What is wrong is not about a plan. */
  readonly elsewhere: (plans: number) => string;
  /** What is not shown, and how it is. */
  readonly more: (count: number, counts?: string) => string;
  /** Where the rest is. */
  readonly oneOf: string;
  readonly andMore: (count: number) => string;
  readonly ageOf: (age: string, objective: string) => string;
  readonly running: (since: string) => string;
  readonly waits: (slots: number) => string;
  readonly when: Readonly<Record<'each' | 'schedule' | 'manual', string>>;
  readonly waivedWord: string;
  readonly waived: (rule: string, reason: string, until: string | undefined) => string;
  readonly appendOnly: string;
  readonly objectLock: (duration: string) => string;
  readonly maintainedBy: (host: string) => string;
  readonly busy: (holders: number) => string;
  readonly usedOf: (percent: number, capacity: string) => string;
  readonly days: (days: number) => string;
  /** Of a trigger; undefined when it never did. */
  readonly fired: (trigger: string, age: string | undefined) => string;
  readonly problem: (problem: Problem, age: (durationMs: number) => string) => string;
};

export function wordsOf(language: Language): StatusWords {
  return language === 'fr' ? french : english;
}

/** What reports say, language by language. */
import type { Language } from '../schedule/phrases.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { SlotOutcome } from '../store/slots.ts';
import type { Verification, VerificationKind } from '../store/verifications.ts';
import type { ReportSpan } from './period.ts';
import { english } from './words-en.ts';
import { french } from './words-fr.ts';

export type ReportColumn =
  | 'plan'
  | 'source'
  | 'repository'
  | 'time'
  | 'what'
  | 'outcome'
  | 'code'
  | 'reason'
  | 'good'
  | 'failed'
  | 'success'
  | 'inTime'
  | 'late'
  | 'missed'
  | 'duration'
  | 'trend'
  | 'read'
  | 'added'
  | 'stored'
  | 'full'
  | 'differential'
  | 'incremental'
  | 'before'
  | 'objective'
  | 'worstAge'
  | 'kept'
  | 'met'
  | 'used'
  | 'free'
  | 'fullIn'
  | 'removed'
  | 'count'
  | 'newest'
  | 'name'
  | 'pinned'
  | 'day';

export type ReportWords = {
  readonly title: Readonly<Record<ReportSpan, string>>;
  readonly days: (first: string, last: string, zone: string) => string;
  readonly soFar: (until: string) => string;
  readonly column: Readonly<Record<ReportColumn, string>>;
  readonly heading: {
    readonly plans: string;
    readonly amounts: string;
    readonly failures: string;
    readonly missed: string;
    readonly objectives: string;
    readonly copies: string;
    readonly storage: string;
    readonly verifications: string;
    readonly restores: string;
    readonly named: string;
    readonly days: string;
    readonly now: string;
  };
  readonly figure: {
    readonly success: string;
    readonly slots: string;
    readonly duration: string;
    readonly copies: string;
    readonly stored: string;
    readonly objectives: string;
    readonly verifications: string;
    readonly restores: string;
  };
  readonly chart: { readonly runs: string; readonly stored: string; readonly duration: string };
  readonly runsOfDay: (good: number, bad: number) => string;
  readonly kind: Readonly<Record<RunKind, string>>;
  readonly outcome: Readonly<Record<RunOutcome, string>>;
  readonly slot: Readonly<Record<SlotOutcome | 'open', string>>;
  readonly look: Readonly<Record<VerificationKind, string>>;
  readonly found: Readonly<Record<Verification['outcome'], string>>;
  readonly yes: string;
  readonly no: string;
  readonly none: string;
  readonly never: string;
  /** `98.6%`, given 0.986. */
  readonly percent: (share: number) => string;
  /** `+12%`. */
  readonly change: (share: number) => string;
  readonly bytes: (text: string) => string;
  readonly of: (part: number | string, whole: number | string) => string;
  readonly against: (now: string, before: string) => string;
  readonly cut: (shown: number) => string;
  readonly nothing: {
    readonly runs: string;
    readonly failures: string;
    readonly missed: string;
    readonly objectives: string;
    readonly copies: string;
    readonly storage: string;
    readonly verifications: string;
    readonly restores: string;
    readonly named: string;
  };
  readonly storedMeans: string;
  readonly restoreMeans: string;
  /** A duration that rests on nothing measured. */
  readonly assumed: (duration: string) => string;
  /** All was well, or how much was not. */
  readonly sentence: (facts: SentenceFacts) => string;
  readonly now: (sentence: string) => string;
  readonly footer: (version: string, time: string) => string;
};

export type SentenceFacts = {
  readonly good: number;
  readonly bad: number;
  readonly missed: number;
  readonly copiesFailed: number;
  readonly objectivesBroken: number;
  readonly damaged: number;
};

export function reportWordsOf(language: Language): ReportWords {
  return language === 'fr' ? french : english;
}

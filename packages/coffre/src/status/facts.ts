/**
 * What is known when somebody asks how things stand: from the configuration, the history and the clock, with nothing
 * judged yet. Instants are milliseconds UTC. Undefined is unknown or does not apply, never nought.
 */
import type { Criticality, RepositoryPlace, Waiver } from '../config/config.ts';
import type { ChannelFigures } from '../store/letters.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { ProvedSnapshot } from '../store/status-repositories.ts';
import type { TriggerState } from '../store/trigger-states.ts';
import type { VerificationKind } from '../store/verifications.ts';
import type { Expectation } from './expectation.ts';

export type StatusFacts = {
  readonly nowMs: number;
  readonly items: readonly ItemFacts[];
  readonly repositories: readonly RepositoryFacts[];
  /** Sources that no plan takes in. */
  readonly unplanned: readonly UnplannedSource[];
  /** Of extensions, that plans name; absent where none does. */
  readonly triggers?: readonly TriggerFacts[];
  /** Those that deliver. */
  readonly channels?: readonly ChannelFigures[];
};

export type TriggerFacts = {
  readonly plan: string;
  /** What the extension calls it. */
  readonly trigger: string;
  readonly fired: TriggerState['fired'];
  readonly failing: TriggerState['failing'];
};

/** One source of one plan. */
export type ItemFacts = {
  readonly plan: string;
  readonly source: string;
  readonly site: string;
  /** Of the source; undefined for this machine. */
  readonly foreignHost: string | undefined;
  readonly criticality: Criticality;
  /** The kind of the source. */
  readonly engine: string;
  /** As a sentence. */
  readonly schedule: string;
  /** Since when it has been waited for; undefined where nobody knows. */
  readonly knownSinceMs: number | undefined;
  readonly rpoMs: number | undefined;
  readonly rtoMs: number | undefined;
  /** Where the originals are. */
  readonly place: string | undefined;
  readonly waivers: readonly Waiver[];
  readonly isEnabled: boolean;
  readonly pause: PauseFacts | undefined;
  readonly expectation: Expectation;
  readonly retriesMax: number;
  readonly run: PlanRunFacts;
  readonly backup: TrackFacts;
  readonly copies: readonly CopyFacts[];
};

export type PauseFacts = {
  readonly reason: string;
  readonly by: string;
  readonly untilMs: number | undefined;
};

/** The runs of a plan, all its sources together. */
export type PlanRunFacts = {
  readonly newest: EndedRun | undefined;
  readonly open: OpenRunFacts | undefined;
  /** Failed and lost ones since the last good one. */
  readonly failures: number;
  /** The 95th percentile of the recent ones; undefined with too few. */
  readonly usualMs: number | undefined;
  /** From how many that was found, twenty at most. */
  readonly samples: number;
  readonly openSlots: number;
  readonly newestSlot: SlotFacts | undefined;
  /** Repositories in which old backups of the plan are removed. */
  readonly retainsIn: readonly string[];
  /** The newest in each repository. */
  readonly retention: readonly { readonly repository: string; readonly run: EndedRun }[];
};

export type SlotFacts = {
  readonly dueMs: number;
  readonly missingMs: number | undefined;
  readonly outcome: 'open' | 'success' | 'success-late' | 'failed' | 'missed' | 'skipped';
};

export type EndedRun = {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  /** Of the error, where there was one. */
  readonly code?: string | undefined;
};

export type OpenRunFacts = {
  readonly kind: RunKind;
  readonly startedMs: number;
  /** False when its process is gone; undefined when it runs on another machine. */
  readonly isAlive: boolean | undefined;
};

export type GoodRun = EndedRun & {
  readonly snapshot: string | undefined;
  /** It was read back and proved before the run ended. */
  readonly isVerified: boolean;
  /** And loaded into a scratch place for that, where its schema or its rows were asked for. */
  readonly isAsked: boolean;
  readonly figures: Readonly<Record<string, number>>;
};

/** A source as it is kept in one repository. */
export type TrackFacts = {
  readonly repository: string;
  /** Of those that ended; one that was cancelled or had nothing to do says nothing. */
  readonly newest: EndedRun | undefined;
  readonly lastGood: GoodRun | undefined;
};

export type CopyFacts = TrackFacts & {
  readonly when: 'each' | 'schedule' | 'manual';
  readonly objectiveMs: number | undefined;
  /** When the newest backup began that is there too. */
  readonly recoveryPointMs: number | undefined;
  /** When the earliest backup was ready that is not there yet; undefined when all are. */
  readonly waitingSinceMs: number | undefined;
  /** With times of its own: when the copy was or is due that brings what waits. */
  readonly dueMs: number | undefined;
  readonly nextDueMs: number | undefined;
};

export type VerificationFact = {
  readonly atMs: number;
  readonly outcome: 'good' | 'damaged' | 'unreachable';
  readonly detail: string | undefined;
};

/** Of one kind. */
export type VerificationFacts = {
  readonly newest: VerificationFact;
  readonly good: VerificationFact | undefined;
  readonly newestDamaged: VerificationFact | undefined;
};

export type RepositoryFacts = RepositoryPlace & {
  readonly name: string;
  /** Since when something has been kept there, as far as is known. */
  readonly heldSinceMs: number | undefined;
  readonly isAppendOnly: boolean;
  readonly objectLockMs: number | undefined;
  readonly maintainedBy: string | undefined;
  readonly verifications: Readonly<Partial<Record<VerificationKind, VerificationFacts>>>;
  /** What a reading reads is all there is, not a share of it. */
  readonly readsWhole: boolean;
  /** Snapshots that were restored or drilled with success. */
  readonly proved: readonly ProvedSnapshot[];
  /** When its check was due that was not done since; undefined when none is. */
  readonly checkDueMs: number | undefined;
  readonly fullWithinMs: number | undefined;
  readonly room: RoomFacts | undefined;
  readonly capacityAlertPercent: number | undefined;
  readonly holders: readonly { readonly holder: string; readonly mode: 'shared' | 'exclusive' }[];
};

export type RoomFacts = {
  readonly sizeBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly capacityBytes: number | undefined;
  /** Sizes of the past, oldest first. */
  readonly sizes: readonly { readonly atMs: number; readonly sizeBytes: number }[];
};

export type UnplannedSource = {
  readonly source: string;
  readonly site: string;
  readonly criticality: Criticality;
  readonly foreignHost: string | undefined;
};

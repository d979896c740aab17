/** What the library takes and gives. */
import type { BackupKind } from '../named/tags.ts';

export type OpenOptions = {
  /** Where secrets, state and the configuration are looked up; that of the process when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Stops whatever runs, well. */
  readonly signal?: AbortSignal;
};

export type ListedBackup = {
  readonly name: string;
  /** All names that it answers to. */
  readonly answersTo: readonly string[];
  readonly created: Date;
  /** As saved; undefined where a snapshot does not say. */
  readonly sizeBytes: number | undefined;
  /** Undefined for snapshots that no plan made. */
  readonly kind: BackupKind | undefined;
  readonly isPinned: boolean;
  readonly description: string | undefined;
  readonly plan: string | undefined;
  /** By its name in the configuration. */
  readonly repository: string;
  /** When it was last proved. */
  readonly verified: Date | undefined;
  readonly snapshots: readonly { readonly id: string; readonly source: string | undefined }[];
};

export type CreateBackup = {
  readonly name: string;
  /** Needed where the configuration has several. */
  readonly plan?: string;
  /** SITE/SOURCE; all of the plan when absent. */
  readonly source?: string;
  readonly pin?: boolean;
  readonly description?: string;
};

export type ListFilter = {
  readonly recent?: number;
  readonly name?: string;
  readonly plan?: string;
  readonly source?: string;
  readonly kind?: BackupKind;
  /** Names of repositories; all when absent. */
  readonly from?: readonly string[];
};

export type RestoreWish = {
  /** One of these three. */
  readonly name?: string;
  readonly latest?: true;
  /** As `2026-08-20 14:00` on the clock of the configuration, or an instant. */
  readonly at?: string | Date;
  readonly verifiedOnly?: boolean;
  readonly plan?: string;
  readonly source?: string;
  readonly from?: readonly string[];
  /** A folder, or what the kind of the source understands. */
  readonly target?: string;
  /** Without a target: replace what is there. */
  readonly inPlace?: true;
  /** In place: what is there is saved first, unless this says no. */
  readonly preserve?: boolean;
  /** Skips what only costs time, and keeps nothing unless `preserve` is true. */
  readonly emergency?: boolean;
};

export type RestoredBackup = {
  readonly repository: string;
  readonly restored: readonly {
    readonly source: string | undefined;
    readonly snapshot: string;
    readonly time: string;
  }[];
  /** Where things are now, for people. */
  readonly places: readonly string[];
  /** Snapshots of what was replaced. */
  readonly kept: readonly string[];
  readonly durationMs: number;
};

export type VerifiedBackup = {
  readonly isSound: boolean;
  readonly snapshots: readonly {
    readonly repository: string;
    readonly snapshot: string;
    readonly source: string | undefined;
    readonly files: number;
    readonly bytes: number;
    readonly problems: readonly string[];
    readonly proved: readonly string[];
  }[];
};

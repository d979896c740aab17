/** The trial's repository: opened once for saving and checking, and once more for the restore that is measured. */
import { rmSync } from 'node:fs';
import {
  acquireLock,
  backup,
  CoffreError,
  initRepository,
  messageOf,
  openBackend,
  openRepository,
  parseLocation,
  timestampOfNs,
  toByteString,
  toText,
  zeroCounters,
  type BackupResult,
  type Host,
  type Repository,
  type SnapshotId,
  type Timestamp,
} from '@coffre/repository';
import { quoteName } from '../cli/output/display.ts';
import { formatBytes } from '../cli/output/format.ts';
import type { Narration } from './narration.ts';
import type { TrialFolder } from './trial-folder.ts';
import type { TrialSources } from './trial-sources.ts';
import { counted } from './trial-words.ts';

export type SavedTrial = { readonly snapshotId: SnapshotId; readonly startedAt: Timestamp };

type Access = { readonly host: Host; readonly password: string; readonly signal: AbortSignal };

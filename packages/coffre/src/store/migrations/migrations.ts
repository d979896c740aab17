import { runsAndSlots } from './0001-runs-and-slots.ts';
import { workAndFacts } from './0002-work-and-facts.ts';
import { auditLog } from './0003-audit.ts';
import { runParts } from './0004-run-parts.ts';
import { scheduleAnchors } from './0005-schedule-anchors.ts';
import { lettersAndTriggers } from './0006-letters-and-triggers.ts';
import { slotOwners } from './0007-slot-owners.ts';
import { failureCodes } from './0008-failure-codes.ts';
import { jobs } from './0009-jobs.ts';
import type { Migration } from './migration.ts';

/** In the order they are applied; the number of the last one is the version of the schema. */
export const migrations: readonly Migration[] = [
  runsAndSlots,
  workAndFacts,
  auditLog,
  runParts,
  scheduleAnchors,
  lettersAndTriggers,
  slotOwners,
  failureCodes,
  jobs,
];

export const schemaVersion: number = migrations.length;

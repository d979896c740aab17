/**
 * The rows of our own state, as both engines hold them. Times are whole milliseconds since 1970 UTC, lists and figures
 * are JSON text, yes and no are 1 and 0.
 */
import type { Generated } from 'kysely';

declare const kind: unique symbol;
type RowId<Kind extends string> = number & { readonly [kind]: Kind };
export type RunId = RowId<'RunId'>;
export type LeaseId = RowId<'LeaseId'>;
export type JobId = RowId<'JobId'>;
export type EventId = RowId<'EventId'>;
export type LetterId = RowId<'LetterId'>;

export type RunTable = {
  id: Generated<RunId>;
  plan: string;
  source: string | null;
  kind: string;
  trigger: string;
  /** When the slot was due that this run belongs to; null for a run nobody planned. */
  slot_at: number | null;
  started_at: number;
  ended_at: number | null;
  outcome: string | null;
  closed_reason: string | null;
  /** Stable code of the error, where there was one. */
  code: string | null;
  figures: string;
  snapshots: string;
  log_path: string | null;
  host: string;
  pid: number;
  /** Tells a process that ended with its machine from another one with the same number. */
  boot_id: string;
  /** The run that this row is a part of; null for the run itself. */
  parent_id: RunId | null;
  /** By its name in the configuration: where this part was saved, copied or tidied. */
  repository: string | null;
};

/** How often it was so, since the state was made. */
export type FailureCountTable = { plan: string; source: string; cause: string; count: number };

export type SlotTable = {
  plan: string;
  due_at: number;
  opened_at: number;
  /** The manager that won it, by the name of its lease; null where that was before it was written down. */
  opened_by: string | null;
  missing_at: number | null;
  closed_at: number | null;
  outcome: string | null;
  reason: string | null;
};

export type LeaseTable = {
  id: Generated<LeaseId>;
  repository: string;
  mode: string;
  holder: string;
  acquired_at: number;
  expires_at: number;
};

/** On SQLite alone; on PostgreSQL jobs are in tables of pg-boss. */
export type JobTable = {
  id: Generated<JobId>;
  job_key: string;
  lane: string;
  place: number;
  /** Nobody takes it before: a pause after a failure, or the lease of who works on it. */
  due_at: number;
  attempts: number;
};

export type EventTable = {
  id: Generated<EventId>;
  at: number;
  code: string;
  plan: string | null;
  run_id: RunId | null;
  detail: string;
};

/** An event on its way to one channel. Who is to carry it when is known to its job. */
export type OutboxTable = {
  id: Generated<LetterId>;
  event_id: EventId;
  channel: string;
  error: string | null;
  sent_at: number | null;
  /** Nobody tries to send it any more. */
  given_up_at: number | null;
};

export type NamedBackupTable = {
  id: Generated<number>;
  repository: string;
  name: string;
  plan: string | null;
  snapshot: string;
  pinned: number;
  created_at: number;
};

export type VerificationTable = {
  id: Generated<number>;
  repository: string;
  kind: string;
  subject: string | null;
  at: number;
  outcome: string;
  detail: string | null;
};

export type SettingTable = {
  name: string;
  value: string;
  until_at: number | null;
  changed_at: number;
  changed_by: string;
};

export type AuditEntryTable = {
  /** 0 for the first; its place in the tree. */
  position: number;
  at: number;
  action: string;
  /** The canonical text that is hashed; the columns above only find it. */
  body: string;
  hash: string;
};

export type AuditCheckpointTable = { size: number; key_name: string; note: string; at: number };

/** One row: what is needed to append without reading the log. */
export type AuditHeadTable = { id: number; origin: string; size: number; last_hash: string; peaks: string };

/** Since when a plan is due as it is: what was due before by its new schedule is not. */
export type ScheduleAnchorTable = { plan: string; schedule: string; since_at: number };

/** How a trigger that an extension brings does its work for a plan. */
export type TriggerStateTable = {
  plan: string;
  name: string;
  fired_at: number | null;
  /** As the extension said it. */
  reason: string | null;
  failing_since: number | null;
  problem: string | null;
};

export type SchemaTable = { version: number; name: string; applied_at: number };

export type Tables = {
  state_schema: SchemaTable;
  runs: RunTable;
  failure_counts: FailureCountTable;
  slots: SlotTable;
  leases: LeaseTable;
  jobs: JobTable;
  events: EventTable;
  outbox: OutboxTable;
  named_backups: NamedBackupTable;
  verifications: VerificationTable;
  settings: SettingTable;
  schedule_anchors: ScheduleAnchorTable;
  trigger_states: TriggerStateTable;
  audit_entries: AuditEntryTable;
  audit_checkpoints: AuditCheckpointTable;
  audit_head: AuditHeadTable;
};

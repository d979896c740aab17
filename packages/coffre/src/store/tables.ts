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
  figures: string;
  snapshots: string;
  log_path: string | null;
  host: string;
  pid: number;
  /** Tells a process that ended with its machine from another one with the same number. */
  boot_id: string;
};

export type SlotTable = {
  plan: string;
  due_at: number;
  opened_at: number;
  missing_at: number | null;
  closed_at: number | null;
  outcome: string | null;
  reason: string | null;
};

export type SchemaTable = { version: number; name: string; applied_at: number };

export type Tables = {
  state_schema: SchemaTable;
  runs: RunTable;
  slots: SlotTable;
};

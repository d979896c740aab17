import type { Migration } from './migration.ts';

export const runsAndSlots: Migration = {
  version: 1,
  name: 'runs and slots',
  statements: ({ newId, integer, strict }) => [
    `create table runs (
      id ${newId},
      plan text not null,
      source text,
      kind text not null,
      trigger text not null,
      slot_at ${integer},
      started_at ${integer} not null,
      ended_at ${integer},
      outcome text,
      closed_reason text,
      figures text not null,
      snapshots text not null,
      log_path text,
      host text not null,
      pid ${integer} not null,
      boot_id text not null,
      check ((ended_at is null) = (outcome is null))
    )${strict}`,
    `create index runs_by_plan on runs (plan, kind, started_at, ended_at, outcome)`,
    `create index runs_by_start on runs (started_at)`,
    `create index runs_good on runs (plan, kind, started_at) where outcome = 'success' or outcome = 'warning'`,
    `create index runs_open on runs (started_at, id) where ended_at is null`,
    `create table slots (
      plan text not null,
      due_at ${integer} not null,
      opened_at ${integer} not null,
      missing_at ${integer},
      closed_at ${integer},
      outcome text,
      reason text,
      primary key (plan, due_at),
      check ((closed_at is null) = (outcome is null))
    )${strict}`,
    `create index slots_open on slots (plan, due_at) where closed_at is null`,
    `create index slots_open_by_due on slots (due_at, plan) where closed_at is null`,
    `create index slots_by_due on slots (due_at)`,
  ],
};

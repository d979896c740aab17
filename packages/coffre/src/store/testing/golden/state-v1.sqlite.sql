CREATE TABLE state_schema (version integer primary key, name text not null, applied_at integer not null) strict;
CREATE TABLE runs (
      id integer primary key autoincrement,
      plan text not null,
      source text,
      kind text not null,
      trigger text not null,
      slot_at integer,
      started_at integer not null,
      ended_at integer,
      outcome text,
      closed_reason text,
      figures text not null,
      snapshots text not null,
      log_path text,
      host text not null,
      pid integer not null,
      boot_id text not null,
      check ((ended_at is null) = (outcome is null))
    ) strict;
CREATE INDEX runs_by_plan on runs (plan, kind, started_at, ended_at, outcome);
CREATE INDEX runs_by_start on runs (started_at);
CREATE INDEX runs_good on runs (plan, kind, started_at) where outcome = 'success' or outcome = 'warning';
CREATE INDEX runs_open on runs (started_at, id) where ended_at is null;
CREATE TABLE slots (
      plan text not null,
      due_at integer not null,
      opened_at integer not null,
      missing_at integer,
      closed_at integer,
      outcome text,
      reason text,
      primary key (plan, due_at),
      check ((closed_at is null) = (outcome is null))
    ) strict;
CREATE INDEX slots_open on slots (plan, due_at) where closed_at is null;
CREATE INDEX slots_open_by_due on slots (due_at, plan) where closed_at is null;
CREATE INDEX slots_by_due on slots (due_at);
insert into state_schema values (1, 'runs and slots', 1787234400000);
insert into runs values (1, 'chef''s shop – données', 'sqlite', 'backup', 'schedule', 1787234400000, 1787234400000, 1787234400000, 'success', NULL, '{"bytesAdded":12}', '["abababababababababababababababababababababababababababababababab"]', NULL, 'alpha', 4711, 'boot-1');
insert into runs values (2, 'chef''s shop – données', 'sqlite', 'copy', 'schedule', 1787234400000, 1787234400000, NULL, NULL, NULL, '{}', '[]', NULL, 'alpha', 4711, 'boot-1');
insert into slots values ('chef''s shop – données', 1787234400000, 1787234400000, NULL, 1787234400000, 'success', NULL);
insert into slots values ('chef''s shop – données', 1787238000000, 1787234400000, NULL, NULL, NULL, NULL);
insert into sqlite_sequence values ('runs', 2);

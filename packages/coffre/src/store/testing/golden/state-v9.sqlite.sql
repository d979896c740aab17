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
      boot_id text not null, parent_id integer, repository text, code text,
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
      reason text, opened_by text,
      primary key (plan, due_at),
      check ((closed_at is null) = (outcome is null))
    ) strict;
CREATE INDEX slots_open on slots (plan, due_at) where closed_at is null;
CREATE INDEX slots_open_by_due on slots (due_at, plan) where closed_at is null;
CREATE INDEX slots_by_due on slots (due_at);
CREATE TABLE leases (
      id integer primary key autoincrement,
      repository text not null,
      mode text not null,
      holder text not null,
      acquired_at integer not null,
      expires_at integer not null
    ) strict;
CREATE INDEX leases_by_repository on leases (repository, expires_at);
CREATE TABLE events (
      id integer primary key autoincrement,
      at integer not null,
      code text not null,
      plan text,
      run_id integer,
      detail text not null
    ) strict;
CREATE INDEX events_by_time on events (at);
CREATE INDEX events_by_plan on events (plan, at);
CREATE TABLE outbox (
      id integer primary key autoincrement,
      event_id integer not null references events (id) on delete cascade,
      channel text not null,
      error text,
      sent_at integer
    , given_up_at integer) strict;
CREATE INDEX outbox_by_event on outbox (event_id);
CREATE TABLE named_backups (
      id integer primary key autoincrement,
      repository text not null,
      name text not null,
      plan text,
      snapshot text not null,
      pinned integer not null,
      created_at integer not null,
      unique (repository, name)
    ) strict;
CREATE INDEX named_backups_by_snapshot on named_backups (repository, snapshot);
CREATE TABLE verifications (
      id integer primary key autoincrement,
      repository text not null,
      kind text not null,
      subject text,
      at integer not null,
      outcome text not null,
      detail text
    ) strict;
CREATE INDEX verifications_newest on verifications (repository, kind, at);
CREATE INDEX verifications_by_time on verifications (at);
CREATE TABLE settings (
      name text primary key,
      value text not null,
      until_at integer,
      changed_at integer not null,
      changed_by text not null
    ) strict;
CREATE TABLE audit_entries (
      position integer primary key,
      at integer not null,
      action text not null,
      body text not null,
      hash text not null
    ) strict;
CREATE INDEX audit_by_time on audit_entries (at);
CREATE TABLE audit_checkpoints (
      size integer not null,
      key_name text not null,
      note text not null,
      at integer not null,
      primary key (size, key_name)
    ) strict;
CREATE TABLE audit_head (
      id integer primary key check (id = 1),
      origin text not null,
      size integer not null,
      last_hash text not null,
      peaks text not null
    ) strict;
CREATE INDEX runs_by_place on runs (repository, plan, source, kind, started_at, ended_at, outcome);
CREATE INDEX runs_by_parent on runs (parent_id) where parent_id is not null;
CREATE TABLE schedule_anchors (
      plan text primary key,
      schedule text not null,
      since_at integer not null
    ) strict;
CREATE INDEX outbox_given_up on outbox (given_up_at) where given_up_at is not null;
CREATE INDEX events_by_code on events (plan, code, id);
CREATE TABLE trigger_states (
      plan text not null,
      name text not null,
      fired_at integer,
      reason text,
      failing_since integer,
      problem text,
      primary key (plan, name)
    ) strict;
CREATE TABLE failure_counts (
      plan text not null,
      source text not null,
      cause text not null,
      count integer not null,
      primary key (plan, source, cause)
    ) strict;
CREATE TABLE jobs (
      id integer primary key autoincrement,
      job_key text not null unique,
      lane text not null,
      place integer not null,
      due_at integer not null,
      attempts integer not null
    ) strict;
CREATE INDEX jobs_due on jobs (place, id);
CREATE INDEX outbox_open on outbox (channel, id) where sent_at is null and given_up_at is null;
insert into state_schema values (1, 'runs and slots', 1787234400000);
insert into state_schema values (2, 'leases, jobs, events, named backups, verifications, settings', 1787234400000);
insert into state_schema values (3, 'audit log', 1787234400000);
insert into state_schema values (4, 'parts of runs, and where they were saved to', 1787234400000);
insert into state_schema values (5, 'since when schedules are as they are', 1787234400000);
insert into state_schema values (6, 'letters that were given up, how triggers of extensions go', 1787234400000);
insert into state_schema values (7, 'which manager has a slot', 1787234400000);
insert into state_schema values (8, 'why runs failed, and how often', 1787234400000);
insert into state_schema values (9, 'letters are jobs', 1787234400000);
insert into runs values (1, 'chef''s shop – données', 'sqlite', 'backup', 'schedule', 1787234400000, 1787234400000, 1787234400000, 'success', NULL, '{"bytesAdded":12}', '["abababababababababababababababababababababababababababababababab"]', NULL, 'alpha', 4711, 'boot-1', NULL, NULL, NULL);
insert into runs values (2, 'chef''s shop – données', 'sqlite', 'copy', 'schedule', 1787234400000, 1787234400000, NULL, NULL, NULL, '{}', '[]', NULL, 'alpha', 4711, 'boot-1', NULL, NULL, NULL);
insert into slots values ('chef''s shop – données', 1787234400000, 1787234400000, NULL, 1787234400000, 'success', NULL, NULL);
insert into slots values ('chef''s shop – données', 1787238000000, 1787234400000, NULL, NULL, NULL, NULL, NULL);
insert into leases values (1, 'local', 'shared', 'alpha', 1787234400000, 1787234460000);
insert into events values (1, 1787234400000, 'backup.run.failed', 'chef''s shop – données', 2, '{"reason":"no room"}');
insert into events values (2, 1787234400000, 'run.recovered', 'chef''s shop – données', NULL, '{}');
insert into outbox values (1, 1, 'mail', 'nobody answers', NULL, 1787234400000);
insert into outbox values (2, 2, 'mail', NULL, NULL, NULL);
insert into named_backups values (1, 'local', 'v1.2', NULL, 'abababababababababababababababababababababababababababababababab', 1, 1787234400000);
insert into verifications values (1, 'local', 'pack', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 1787234400000, 'good', NULL);
insert into settings values ('pause:*', 'new disk', 1787320800000, 1787234400000, 'root');
insert into audit_entries values (0, 1787234400000, 'forget', '{"action":"forget"}', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef');
insert into audit_checkpoints values (1, 'coffre.audit+00000000', 'coffre/audit/sample', 1787234400000);
insert into audit_head values (1, 'coffre/audit/sample', 1, 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', '["efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef"]');
insert into schedule_anchors values ('chef''s shop – données', 'every hour', 1787234400000);
insert into trigger_states values ('chef''s shop – données', 'door', 1787234400000, 'it opened', 1787234400000, 'no answer');
insert into failure_counts values ('chef''s shop – données', 'sqlite', 'repository', 1);
insert into jobs values (2, 'letter/2', 'mail', 2, 1787234400000, 0);
insert into sqlite_sequence values ('jobs', 2);
insert into sqlite_sequence values ('runs', 2);
insert into sqlite_sequence values ('leases', 1);
insert into sqlite_sequence values ('events', 2);
insert into sqlite_sequence values ('outbox', 2);
insert into sqlite_sequence values ('named_backups', 1);
insert into sqlite_sequence values ('verifications', 1);

import type { Migration } from './migration.ts';

export const workAndFacts: Migration = {
  version: 2,
  name: 'leases, jobs, events, named backups, verifications, settings',
  statements: ({ newId, integer, strict }) => [
    `create table leases (
      id ${newId},
      repository text not null,
      mode text not null,
      holder text not null,
      acquired_at ${integer} not null,
      expires_at ${integer} not null
    )${strict}`,
    `create index leases_by_repository on leases (repository, expires_at)`,

    `create table jobs (
      id ${newId},
      queue text not null,
      job_key text,
      payload text not null,
      priority ${integer} not null,
      run_at ${integer} not null,
      state text not null,
      attempts ${integer} not null,
      attempts_max ${integer} not null,
      worker text,
      lease_until ${integer},
      cancel_asked ${integer} not null,
      error text,
      created_at ${integer} not null,
      ended_at ${integer},
      check ((ended_at is null) = (state in ('waiting', 'claimed')))
    )${strict}`,
    `create unique index jobs_key on jobs (queue, job_key) where ended_at is null`,
    `create index jobs_waiting on jobs (queue, priority desc, run_at, id) where state = 'waiting'`,
    `create index jobs_claimed on jobs (lease_until) where state = 'claimed'`,
    `create index jobs_ended on jobs (ended_at) where ended_at is not null`,

    `create table events (
      id ${newId},
      at ${integer} not null,
      code text not null,
      plan text,
      run_id ${integer},
      detail text not null
    )${strict}`,
    `create index events_by_time on events (at)`,
    `create index events_by_plan on events (plan, at)`,

    `create table outbox (
      id ${newId},
      event_id ${integer} not null references events (id) on delete cascade,
      channel text not null,
      attempts ${integer} not null,
      next_at ${integer} not null,
      worker text,
      error text,
      sent_at ${integer}
    )${strict}`,
    `create index outbox_open on outbox (next_at, id) where sent_at is null`,
    `create index outbox_by_event on outbox (event_id)`,

    `create table named_backups (
      id ${newId},
      repository text not null,
      name text not null,
      plan text,
      snapshot text not null,
      pinned ${integer} not null,
      created_at ${integer} not null,
      unique (repository, name)
    )${strict}`,
    `create index named_backups_by_snapshot on named_backups (repository, snapshot)`,

    `create table verifications (
      id ${newId},
      repository text not null,
      kind text not null,
      subject text,
      at ${integer} not null,
      outcome text not null,
      detail text
    )${strict}`,
    `create index verifications_newest on verifications (repository, kind, at)`,
    `create index verifications_by_time on verifications (at)`,

    `create table settings (
      name text primary key,
      value text not null,
      until_at ${integer},
      changed_at ${integer} not null,
      changed_by text not null
    )${strict}`,
  ],
};

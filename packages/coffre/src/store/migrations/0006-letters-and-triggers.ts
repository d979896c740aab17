import type { Migration } from './migration.ts';

export const lettersAndTriggers: Migration = {
  version: 6,
  name: 'letters that were given up, how triggers of extensions go',
  statements: ({ integer, strict }) => [
    `alter table outbox add column given_up_at ${integer}`,
    `drop index outbox_open`,
    `create index outbox_open on outbox (channel, next_at, id) where sent_at is null and given_up_at is null`,
    `create index outbox_given_up on outbox (given_up_at) where given_up_at is not null`,
    `create index events_by_code on events (plan, code, id)`,
    `create table trigger_states (
      plan text not null,
      name text not null,
      fired_at ${integer},
      reason text,
      failing_since ${integer},
      problem text,
      primary key (plan, name)
    )${strict}`,
  ],
};

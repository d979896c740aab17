import type { Migration } from './migration.ts';

/**
 * Letters are jobs of the queue from here on: who carries one, and when it is tried again, is no column of it any more. On
 * PostgreSQL the queue is somebody else's; open letters come into it when somebody looks for letters without a job.
 */
export const jobs: Migration = {
  version: 9,
  name: 'letters are jobs',
  statements: ({ newId, integer, strict, engine }) => [
    `drop table jobs`,
    ...(engine === 'postgres'
      ? []
      : [
          `create table jobs (
      id ${newId},
      job_key text not null unique,
      lane text not null,
      place ${integer} not null,
      due_at ${integer} not null,
      attempts ${integer} not null
    )${strict}`,
          `create index jobs_due on jobs (place, id)`,
          `insert into jobs (job_key, lane, place, due_at, attempts)
      select 'letter/' || id, channel, id, next_at, attempts from outbox
      where sent_at is null and given_up_at is null order by id`,
        ]),
    `drop index outbox_open`,
    `alter table outbox drop column attempts`,
    `alter table outbox drop column next_at`,
    `alter table outbox drop column worker`,
    `create index outbox_open on outbox (channel, id) where sent_at is null and given_up_at is null`,
  ],
};

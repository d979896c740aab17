import type { Migration } from './migration.ts';

export const scheduleAnchors: Migration = {
  version: 5,
  name: 'since when schedules are as they are',
  statements: ({ integer, strict }) => [
    `create table schedule_anchors (
      plan text primary key,
      schedule text not null,
      since_at ${integer} not null
    )${strict}`,
  ],
};

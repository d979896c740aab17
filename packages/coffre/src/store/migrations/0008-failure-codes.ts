import type { Migration } from './migration.ts';

export const failureCodes: Migration = {
  version: 8,
  name: 'why runs failed, and how often',
  statements: ({ integer, strict }) => [
    `alter table runs add column code text`,
    `create table failure_counts (
      plan text not null,
      source text not null,
      cause text not null,
      count ${integer} not null,
      primary key (plan, source, cause)
    )${strict}`,
  ],
};

import type { Migration } from './migration.ts';

export const runParts: Migration = {
  version: 4,
  name: 'parts of runs, and where they were saved to',
  statements: ({ integer }) => [
    `alter table runs add column parent_id ${integer}`,
    `alter table runs add column repository text`,
    `create index runs_by_place on runs (repository, plan, source, kind, started_at, ended_at, outcome)`,
    `create index runs_by_parent on runs (parent_id) where parent_id is not null`,
  ],
};

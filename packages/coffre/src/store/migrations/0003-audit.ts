import type { Migration } from './migration.ts';

export const auditLog: Migration = {
  version: 3,
  name: 'audit log',
  statements: ({ integer, strict }) => [
    `create table audit_entries (
      position ${integer} primary key,
      at ${integer} not null,
      action text not null,
      body text not null,
      hash text not null
    )${strict}`,
    `create index audit_by_time on audit_entries (at)`,
    `create table audit_checkpoints (
      size ${integer} not null,
      key_name text not null,
      note text not null,
      at ${integer} not null,
      primary key (size, key_name)
    )${strict}`,
    `create table audit_head (
      id ${integer} primary key check (id = 1),
      origin text not null,
      size ${integer} not null,
      last_hash text not null,
      peaks text not null
    )${strict}`,
  ],
};

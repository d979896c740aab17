import type { Migration } from './migration.ts';

export const slotOwners: Migration = {
  version: 7,
  name: 'which manager has a slot',
  statements: () => [`alter table slots add column opened_by text`],
};

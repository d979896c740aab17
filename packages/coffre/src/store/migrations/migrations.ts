import { runsAndSlots } from './0001-runs-and-slots.ts';
import type { Migration } from './migration.ts';

/** In the order they are applied; the number of the last one is the version of the schema. */
export const migrations: readonly Migration[] = [runsAndSlots];

export const schemaVersion: number = migrations.length;

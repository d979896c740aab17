/**
 * What a SQLite database holds, as far as it can be counted: page size, schema, rows of each table. Taken at the moment of
 * the dump, compared with whatever is opened later.
 */
import { z } from 'zod';

export const sqliteTruth = z.strictObject({
  path: z.string(),
  /** Of the live database: `wal`, `delete`, … */
  journalMode: z.string(),
  pageSizeBytes: z.int(),
  pages: z.int(),
  encoding: z.string(),
  userVersion: z.int(),
  applicationId: z.int(),
  /** SHA-256 of every statement that made the schema, in order of type and name. */
  schemaSha256: z.string(),
  /** Exact numbers of rows; null where only an extension that is not there could count. */
  tables: z.record(z.string(), z.int().nullable()),
});
export type SqliteTruth = z.infer<typeof sqliteTruth>;

/** What can be said of any copy, wherever it lies. */
export type SqliteContent = Omit<SqliteTruth, 'path' | 'journalMode'>;

/** What was loaded, counted and compared with what the manifest says of it. */
import { lookAtDatabase, truthOfDatabase } from './server.ts';
import { openSession } from './session.ts';
import type { PostgresAddress } from './settings.ts';
import { compareDatabases, type DatabaseTruth, type Depth } from './truth.ts';

export type ProofRequest = {
  readonly address: PostgresAddress;
  /** Where it is now. */
  readonly name: string;
  readonly expected: DatabaseTruth;
  readonly isPart: boolean;
  readonly depth: Depth;
  readonly signal: AbortSignal;
};

export async function differencesInside(request: ProofRequest): Promise<string[]> {
  const { address, name, expected, isPart, depth, signal } = request;
  await using session = await openSession({ address, database: name, signal });
  const sumsContent = expected.relations.some(({ contentSum }) => contentSum !== null);
  const looked = await lookAtDatabase(session, { countsRows: depth.rows, sumsContent, signal });
  const found = truthOfDatabase(looked, { path: null, head: undefined });
  return compareDatabases(expected, found, depth, isPart);
}

/** `410000 rows in 5 tables`. */
export function countedIn({ relations }: DatabaseTruth): string {
  const tables = relations.filter(({ rows }) => rows !== null);
  const rows = tables.reduce((sum, one) => sum + (one.rows ?? 0), 0);
  return `${rows} rows in ${tables.length} ${tables.length === 1 ? 'table' : 'tables'}`;
}

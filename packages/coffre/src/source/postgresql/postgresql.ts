/** A PostgreSQL server: its roles, and each database at one moment while programs go on writing. */
import type { SourceType } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';
import { dumpServer } from './dump.ts';
import { loadSaved } from './load.ts';
import { preflight, quickCheck } from './preflight.ts';
import { presentTruth } from './present.ts';
import { showAddress, type PostgresSettings } from './settings.ts';
import { differencesOf, postgresTruth, type PostgresTruth } from './truth.ts';
import { scratchOf, verifySaved } from './verify.ts';

export type { PostgresSettings, PostgresTruth };

export const postgresql: SourceType<PostgresSettings, PostgresTruth> = {
  describe: ({ address, databases }) =>
    `PostgreSQL ${databases.length === 0 ? 'all databases' : databases.join(', ')} at ${showAddress(address)}`,
  listedPaths: ({ name }) => [streamFolder(name)],
  preflight,
  dump: dumpServer,
  parseTruth: parseTruthWith(postgresTruth),
  verify: verifySaved,
  load: loadSaved,
  scratch: scratchOf,
  quickCheck,
  present: presentTruth,
  differences: differencesOf,
};

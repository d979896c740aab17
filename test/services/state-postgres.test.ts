/** The suite of our own state, on a real PostgreSQL. */
import { after, before, describe } from 'node:test';
import { historySuite } from '../../packages/coffre/src/store/testing/history-suite.ts';
import { letterSuite } from '../../packages/coffre/src/store/testing/letter-suite.ts';
import { retentionSuite } from '../../packages/coffre/src/store/testing/retention-suite.ts';
import { slotSuite } from '../../packages/coffre/src/store/testing/slot-suite.ts';
import { workSuite } from '../../packages/coffre/src/store/testing/work-suite.ts';
import { killSuite } from '../../packages/coffre/src/store/testing/kill-suite.ts';
import { migrationSuite } from '../../packages/coffre/src/store/testing/migration-suite.ts';
import type { MigrationScene } from '../../packages/coffre/src/store/testing/migration-suite.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

describe('the state on PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const scene = (): MigrationScene => ({
    freshPlace: () => {
      if (server === undefined) throw new Error('the server was not started');
      return { kind: 'postgres', url: server.createDatabase() };
    },
    filledPlace: async (statements) => {
      if (server === undefined) throw new Error('the server was not started');
      const url = server.createDatabase();
      server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', new URL(url).pathname.slice(1)], statements);
      return { kind: 'postgres', url };
    },
  });

  historySuite('PostgreSQL', scene);
  retentionSuite('PostgreSQL', scene);
  slotSuite('PostgreSQL', scene);
  workSuite('PostgreSQL', scene);
  letterSuite('PostgreSQL', scene);
  killSuite('PostgreSQL', scene, 5);
  migrationSuite('postgres', scene);
});

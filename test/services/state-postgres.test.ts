/** The suite of our own state, on a real PostgreSQL. */
import { after, before, describe } from 'node:test';
import { historySuite } from '../../packages/coffre/src/store/testing/history-suite.ts';
import { retentionSuite } from '../../packages/coffre/src/store/testing/retention-suite.ts';
import { workSuite } from '../../packages/coffre/src/store/testing/work-suite.ts';
import type { Scene } from '../../packages/coffre/src/store/testing/scene.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

describe('the state on PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const scene = (): Scene => ({
    freshPlace: () => {
      if (server === undefined) throw new Error('the server was not started');
      return { kind: 'postgres', url: server.createDatabase() };
    },
  });

  historySuite('PostgreSQL', scene);
  retentionSuite('PostgreSQL', scene);
  workSuite('PostgreSQL', scene);
});

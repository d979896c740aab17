/** What `status` and the reports are told, by a real PostgreSQL. */
import { after, before, describe } from 'node:test';
import { reportSuite } from '../../packages/coffre/src/report/testing/report-suite.ts';
import { statusSuite } from '../../packages/coffre/src/status/testing/status-suite.ts';
import type { StoreLocation } from '../../packages/coffre/src/store/location.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

describe('status on PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const freshPlace = (): StoreLocation => {
    if (server === undefined) throw new Error('the server was not started');
    return { kind: 'postgres', url: server.createDatabase() };
  };

  statusSuite('PostgreSQL', freshPlace);
  reportSuite('PostgreSQL', freshPlace);
});

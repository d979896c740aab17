/** What `status` is told, by a real PostgreSQL. */
import { after, before, describe } from 'node:test';
import { statusSuite } from '../../packages/coffre/src/status/testing/status-suite.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

describe('status on PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  statusSuite('PostgreSQL', () => {
    if (server === undefined) throw new Error('the server was not started');
    return { kind: 'postgres', url: server.createDatabase() };
  });
});

/** Managers that share one PostgreSQL: each slot is run once, whatever happens to them. */
import { after, before, describe } from 'node:test';
import { fleetSuite } from '../../packages/coffre/src/daemon/testing/fleet-suite.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

describe('managers on PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer | undefined;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  fleetSuite('PostgreSQL', {
    freshPlace: () => {
      if (server === undefined) throw new Error('the server was not started');
      return { kind: 'postgres', url: server.createDatabase() };
    },
    days: Number(process.env['COFFRE_DAYS'] ?? 0.5),
    random: createSeededRandom,
    seed: Number(process.env['COFFRE_SEED'] ?? 1),
  });
});

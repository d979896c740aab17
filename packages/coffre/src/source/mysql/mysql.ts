/** MySQL and MariaDB: databases of one server at one moment, with its users. */
import { CoffreError } from '@coffre/repository';
import type { SourceType } from '../source.ts';
import { parseTruthWith } from '../truth.ts';
import { openDump } from './dump.ts';
import { loadSaved } from './load.ts';
import { compareTruths, mysqlTruth, type MysqlTruth } from './mysql-truth.ts';
import { preflight } from './preflight.ts';
import { presentTruth, quickCheck } from './present.ts';
import { startScratch } from './scratch-server.ts';
import { showAddress, type MysqlSettings } from './settings.ts';
import { loadWhole, sizeOf, verifySaved } from './verify.ts';

export type { MysqlSettings, MysqlTruth };

export const mysql: SourceType<MysqlSettings, MysqlTruth> = {
  describe: ({ address, databases }) =>
    `${databases.length === 0 ? 'all databases' : databases.join(', ')} of MySQL at ${showAddress(address)}`,

  listedPaths: ({ name }) => [`/sources/${name}`],

  preflight: async (settings, context, last) => await preflight(settings, context, last),

  dump: async (settings, context) => await openDump(settings, context),

  parseTruth: parseTruthWith(mysqlTruth),

  verify: async (saved, context, steps) => await verifySaved(saved, context, steps),

  load: async (saved, target, context) => await loadSaved(saved, target, context),

  async scratch(saved, context) {
    const server = await startScratch(context, saved.truth, sizeOf(saved));
    try {
      for (const database of saved.truth.databases) await loadWhole(saved, database, server.address, context);
      const { place } = server.address;
      if (!('socket' in place)) throw new CoffreError('INTERNAL', 'a private server listens on a socket');
      return {
        place: `mysql://root@localhost/?socket=${encodeURIComponent(place.socket)}`,
        [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
      };
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  },

  quickCheck: async (settings, context) => await quickCheck(settings, context),

  present: async (settings, context) => await presentTruth(settings, context),

  differences: (earlier, later) => compareTruths(earlier, later),
};

/** The MariaDB of this machine for tests. */
import { dirname } from 'node:path';
import { installMariadb, startSqlServer, type SqlServer } from './mysqld.ts';
import { findService } from './programs.ts';

export type MariadbServer = SqlServer;

/** @param words settings, as on the command line; later ones win */
export async function startMariadb(...words: readonly string[]): Promise<MariadbServer> {
  const program = findService('mariadbd');
  if (program === undefined) throw new Error('mariadbd is not installed');
  const install = installMariadb(dirname(program).replace(/sbin$/, 'bin'));
  return await startSqlServer({ program, install, words });
}

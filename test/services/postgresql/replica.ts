/** A standby of a test's server, fed by streaming replication. */
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { startService } from '../service-process.ts';
import type { PostgresServer } from '../postgres.ts';

export type Replica = { readonly folder: string; readonly port: number; stop(): Promise<void> };

/** Its folder goes with that of the server. */
export async function startReplica(server: PostgresServer, programs: string): Promise<Replica> {
  const data = join(server.folder, 'replica');
  server.run('pg_basebackup', ['-D', data, '-R', '-c', 'fast', '-X', 'stream']);
  const port = await freePort();
  const service = await startService({
    program: join(programs, 'postgres'),
    argv: ['-D', data, '-k', server.folder, '-p', String(port), '-c', 'listen_addresses=', '-c', 'fsync=off'],
    environment: { LC_ALL: 'C.UTF-8' },
    place: { path: join(server.folder, `.s.PGSQL.${port}`) },
    ...(server.asUser === undefined ? {} : { asUser: server.asUser }),
  });
  await server.answers(port);
  return { folder: server.folder, port, stop: async () => await service.stop() };
}

import type { SourceContext } from '../source.ts';
import { holdSnapshot } from './held-snapshot.ts';
import { databasesOf, lookAtDatabase, openServer, serverFacts, truthOfDatabase } from './server.ts';
import type { PostgresSettings } from './settings.ts';
import type { DatabaseTruth, PostgresTruth } from './truth.ts';

/** What the live server holds now; nothing is dumped. */
export async function presentTruth(settings: PostgresSettings, { signal }: SourceContext): Promise<PostgresTruth> {
  const { session } = await openServer(settings, signal);
  await using _session = session;
  const server = await serverFacts(session);
  const databases: DatabaseTruth[] = [];
  for (const { name } of await databasesOf(session, settings)) {
    await using held = await holdSnapshot({ address: settings.address, database: name, signal });
    const request = { countsRows: true, sumsContent: settings.sumsContent, signal };
    const looked = await lookAtDatabase(held.session, request);
    databases.push(truthOfDatabase(looked, { path: null, head: undefined }));
  }
  return {
    server: { version: server.version, isReplica: server.isReplica, isEncrypted: server.isEncrypted },
    toolVersion: server.version,
    globals: null,
    isPart: settings.dumpArguments.length > 0,
    databases,
  };
}

/**
 * Databases of other names on a server that somebody named, for proofs where no server program is installed. Each says
 * whose it is, so that what a killed proof left is known, and taken away by the next one.
 */
import { hostname } from 'node:os';
import { messageOf, systemProcesses } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import type { Connection } from './mongodb-address.ts';
import { openServer } from './mongodb-server.ts';

export type TrialServer = AsyncDisposable & {
  readonly connection: Connection;
  /** For people. */
  readonly program: string;
  /** Where a saved database goes there. */
  readonly databaseOf: (database: string) => string;
};

const trialDatabase = /^coffre_trial_[0-9a-z]+_\d+$/;
const markCollection = 'coffre_trial';

type Mark = { readonly host: string; readonly pid: number };

/** @param databases of the backup @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_DENIED */
export async function openTrial(
  connection: Connection,
  databases: readonly string[],
  token: string,
  context: SourceContext,
): Promise<TrialServer> {
  await using server = await openServer(connection, context.signal);
  await sweep(connection, context);
  const names = new Map(databases.map((database, number) => [database, `coffre_trial_${token}_${number}`]));
  const drop = async (): Promise<void> => {
    try {
      // A connection that no signal closes: who is interrupted leaves nothing behind either.
      await using last = await openServer(connection, new AbortController().signal);
      for (const name of names.values()) await last.client.db(name).dropDatabase();
    } catch (error) {
      context.warn(`${[...names.values()].join(', ')} are left on ${connection.shown}: ${messageOf(error)}`);
    }
  };
  try {
    const mark: Mark = { host: hostname(), pid: process.pid };
    for (const name of names.values()) {
      await server.client
        .db(name)
        .collection(markCollection)
        .insertOne({ ...mark });
    }
    const { program } = await server.facts();
    return {
      connection,
      program: `${program} at ${connection.shown}`,
      databaseOf: (database) => names.get(database) ?? database,
      [Symbol.asyncDispose]: drop,
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

/** Of this machine, whose process is gone. */
async function sweep(connection: Connection, { signal }: SourceContext): Promise<void> {
  await using server = await openServer(connection, signal);
  for (const { name } of await server.databases()) {
    if (!trialDatabase.test(name)) continue;
    const mark = await server.client.db(name).collection<Mark>(markCollection).findOne({});
    const isOver = mark?.host === hostname() && !systemProcesses().isAlive(mark.pid);
    if (isOver) await server.client.db(name).dropDatabase();
  }
}

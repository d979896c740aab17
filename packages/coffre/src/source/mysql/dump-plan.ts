/** What a dump will do, found out before anything begins. */
import { CoffreError } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { leftOutOf, type BrokenView } from './broken-views.ts';
import { findDumpProgram, type DumpProgram } from './dump-program.ts';
import { fileNameOf } from './names.ts';
import { chosenDatabases, readFacts, type ServerFacts } from './server-facts.ts';
import { openSession } from './session.ts';
import { readDumpArguments, type LeftOut, type MysqlSettings } from './settings.ts';
import { planUsers, type UsersDump } from './users.ts';

/** Each holds a connection and a process until its turn. */
const databasesMax = 64;

export type DumpPlan = {
  readonly settings: MysqlSettings;
  readonly context: SourceContext;
  readonly leftOut: LeftOut;
  readonly broken: readonly BrokenView[];
  readonly facts: ServerFacts;
  readonly program: DumpProgram;
  readonly databases: readonly string[];
  readonly users: UsersDump | undefined;
  /** Private, for sockets. */
  readonly folder: string;
  readonly loginFile: string;
};

export async function planDump(
  settings: MysqlSettings,
  context: SourceContext,
): Promise<Omit<DumpPlan, 'folder' | 'loginFile'>> {
  readDumpArguments(settings.dumpArguments);
  await using session = await openSession(settings.address);
  const facts = await readFacts(session);
  const program = await findDumpProgram(facts, context);
  const databases = await chosenDatabases(session, settings);
  if (databases.length > databasesMax) {
    throw new CoffreError(
      'SOURCE_INVALID',
      `${databases.length} databases are more than the ${databasesMax} that can be dumped at one moment`,
      { hint: 'Make several sources of the server, each with some of its `databases`.' },
    );
  }
  const { leftOut, broken } = await leftOutOf(session, settings, databases);
  const users = await planUsers(session, facts);
  return { settings, context, leftOut, broken, facts, program, databases, users };
}

export function streamPathOf(name: string, database: string): string {
  return `${streamFolder(name)}/databases/${fileNameOf(database)}`;
}

export function usersPathOf(name: string): string {
  return `${streamFolder(name)}/users.sql`;
}

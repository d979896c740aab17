/** The dump of a server: a stream for each database, all of one moment, and one of its users. */
import { join } from 'node:path';
import { CoffreError, databaseProfile, toByteString, type StreamSource } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { Dump, SourceContext } from '../source.ts';
import { planDump, streamPathOf, usersPathOf, type DumpPlan } from './dump-plan.ts';
import { usersWords, writeLoginFile } from './dump-program.ts';
import { Tail } from './dump-ends.ts';
import { beginMoment, dumpTimeoutMs, type Moment } from './moment.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { openRelay } from './relay.ts';
import type { MysqlSettings } from './settings.ts';

/** Room for a password file and sockets. */
const folderBytes = 1 << 20;

export async function openDump(settings: MysqlSettings, context: SourceContext): Promise<Dump<MysqlTruth>> {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(createPrivateFolder(context.temporaryFolder, folderBytes)).path;
  const plan = { ...(await planDump(settings, context)), folder, loginFile: writeLoginFile(folder, settings.address) };
  const stack = opening.move();
  let begun: Promise<Moment> | undefined;
  const begin = (): Promise<Moment> => (begun ??= beginMoment(plan).then((moment) => stack.use(moment)));
  async function* bytesOf(database: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await begin()).bytesOf(database, signal);
  }
  const streams: StreamSource[] = plan.databases.map((database) => ({
    path: toByteString(streamPathOf(settings.name, database)),
    bytes: (signal) => bytesOf(database, signal),
    profile: databaseProfile,
  }));
  const usersStream = plan.users === undefined ? null : usersPathOf(settings.name);
  if (usersStream !== null) {
    streams.push({
      path: toByteString(usersStream),
      bytes: (signal) => usersOf(plan, signal),
      profile: databaseProfile,
    });
  }
  return {
    streams,
    truth: async () => {
      if (begun === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
      return await (await begun).truth(usersStream);
    },
    [Symbol.asyncDispose]: async () => {
      await begun?.catch(() => undefined);
      await stack.disposeAsync();
    },
  };
}

async function* usersOf(plan: DumpPlan, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { users, context, settings, program, loginFile } = plan;
  if (users?.kind === 'text') {
    yield Buffer.from(users.sql);
    return;
  }
  await using relay = await openRelay(join(plan.folder, 'users.sock'), settings.address);
  const argv = usersWords({ program, loginFile, socket: relay.socket });
  const tail = new Tail();
  const call = { argv, timeoutMs: dumpTimeoutMs, signal: AbortSignal.any([signal, context.signal]) };
  for await (const part of context.programs.output(call)) {
    tail.add(part);
    yield part;
  }
  if (tail.isComplete) return;
  throw new CoffreError('SOURCE_COMMAND_FAILED', 'the dump of the users ended early, without an error', {
    hint: 'Nothing was saved. Run the dump program by itself and look at what it prints last.',
  });
}

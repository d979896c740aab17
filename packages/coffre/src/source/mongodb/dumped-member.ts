/**
 * The one member of a replica set that is dumped. Read from several, a collection could be older than the oplog that is to
 * bring it forward; and what a member has that the others lack is taken back from it after an election.
 */
import { CoffreError } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import type { Connection } from './mongodb-address.ts';
import { openServer } from './mongodb-server.ts';
import { standingOf, type Standing } from './topology.ts';

export type DumpedMember = {
  readonly connection: Connection;
  /** @param last of the oplog that was dumped. @throws {CoffreError} SOURCE_COMMAND_FAILED */
  checkAfter(last: string | null): Promise<void>;
};

const majorityTriesMax = 20;
const majorityPauseMs = 250;

/** @throws {CoffreError} SOURCE_UNREACHABLE */
export async function chooseMember(connection: Connection, context: SourceContext): Promise<DumpedMember> {
  const chosen = connection.directly(connection.namesOneServer ? undefined : (await ask(connection, context)).me);
  const before = await ask(chosen, context);
  return {
    connection: chosen,
    async checkAfter(last) {
      const after = await ask(chosen, context);
      if (after.term !== before.term) {
        throw new CoffreError('SOURCE_COMMAND_FAILED', `${chosen.shown} saw an election while it was dumped`, {
          hint: 'What was read may have been taken back by it, so nothing was saved. Run the backup again.',
          retryable: true,
        });
      }
      for (let tries = 0; !(await ask(chosen, context)).isOnMost(last); tries += 1) {
        if (tries === majorityTriesMax) {
          context.warn('what was written last is not on most members yet: an election could still take it back');
          return;
        }
        await context.clock.sleep(majorityPauseMs, context.signal);
      }
    },
  };
}

async function ask(connection: Connection, { signal }: SourceContext): Promise<Standing> {
  await using server = await openServer(connection, signal);
  const { readPreference } = server.client;
  return standingOf(await server.client.db('admin').command({ hello: 1 }, { readPreference }));
}

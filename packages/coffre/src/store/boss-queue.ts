/** The queue on PostgreSQL: jobs of pg-boss, which come to be and end in our transactions. */
import { CompiledQuery } from 'kysely';
import type { Kysely } from 'kysely';
import type { ConnectionOptions, PgBoss } from 'pg-boss';
import { bossQueueName } from './boss.ts';
import type { BossHome, Executor } from './boss.ts';
import type { ClaimedJob, NewJob, Queue } from './queue.ts';
import type { Tables } from './tables.ts';

type Part = {
  readonly home: BossHome;
  readonly db: Kysely<Tables>;
  readonly translate: (error: unknown) => unknown;
};

/** @param db a transaction, or the store itself */
export function bossQueue(part: Part): Queue {
  const using = async <T>(work: (boss: PgBoss, options: ConnectionOptions) => Promise<T>): Promise<T> => {
    const executeSql = onKysely(part.db);
    try {
      return await work(await part.home.boss(part.db.isTransaction ? executeSql : undefined), { db: { executeSql } });
    } catch (error) {
      throw part.translate(error);
    }
  };
  return {
    enqueue: (jobs) => using(async (boss, options) => await enqueue(boss, jobs, options)),
    // Not with our connection: several statements of pg-boss go as one text.
    claim: (notFrom) => using(async (boss) => await claim(boss, notFrom)),
    complete: (job) =>
      using(async (boss, options) => {
        return isSettled(await boss.complete(bossQueueName, attemptOf(job), null, options));
      }),
    retry: (job, afterMs) => using(async (boss, options) => await retry(boss, { job, afterMs }, options)),
    tend: () => using(async (boss) => await boss.supervise(bossQueueName)),
    listen: async (heard) => {
      try {
        return await part.home.listen(heard);
      } catch (error) {
        throw part.translate(error);
      }
    },
  };
}

async function enqueue(boss: PgBoss, jobs: readonly NewJob[], options: ConnectionOptions): Promise<void> {
  if (jobs.length === 0) return;
  const wanted = jobs.map(({ key, lane, place }) => ({
    singletonKey: key,
    group: { id: lane },
    // Higher goes first there, and it is a number of 32 bits.
    priority: -(place % 2 ** 31),
  }));
  await boss.insert(bossQueueName, wanted, options);
}

async function claim(boss: PgBoss, notFrom: readonly string[]): Promise<ClaimedJob | undefined> {
  const [job] = await boss.fetch(bossQueueName, { includeMetadata: true, ignoreGroups: [...notFrom] });
  if (job === undefined) return undefined;
  return { id: job.id, key: job.singletonKey ?? '', lane: job.groupId ?? '', attempt: job.retryCount + 1 };
}

type Retry = { readonly job: ClaimedJob; readonly afterMs: number };

/** In a transaction: between the two it would be due at once. */
async function retry(boss: PgBoss, { job, afterMs }: Retry, options: ConnectionOptions): Promise<boolean> {
  if (!isSettled(await boss.fail(bossQueueName, attemptOf(job), null, options))) return false;
  await boss.update(bossQueueName, undefined, { id: job.id, startAfter: afterMs / 1000, ...options });
  return true;
}

function attemptOf({ id, attempt }: ClaimedJob): { id: string; retryCount: number } {
  return { id, retryCount: attempt - 1 };
}

/** Its types do not tell how many it met. */
function isSettled(answer: object): boolean {
  return 'affected' in answer && answer.affected === 1;
}

function onKysely(db: Kysely<Tables>): Executor {
  return async (text, values = []) => {
    const { rows } = await db.executeQuery(CompiledQuery.raw(text, values));
    return { rows: [...rows] };
  };
}

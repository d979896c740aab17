/**
 * What a load is doing, written into every database that it changes: whoever comes after one that was killed brings it to
 * an end. Loading is taken away again; names that were being given are given, since all of it was proved before the first.
 */
import { hostname } from 'node:os';
import { systemProcesses } from '@coffre/repository';
import type { Db, MongoClient } from 'mongodb';
import { z } from 'zod';
import type { JsonValue } from '../source.ts';
import type { LoadStep } from './load-plan.ts';
import type { MongodbServer } from './mongodb-server.ts';

const json: z.ZodType<JsonValue> = z.json();

const journalSchema = z.object({
  token: z.string(),
  host: z.string(),
  pid: z.number(),
  state: z.enum(['loading', 'naming', 'done']),
  steps: z.array(
    z.object({
      final: z.string(),
      temporary: z.string().nullable(),
      aside: z.string(),
      view: json.nullable(),
    }),
  ),
});

type Journal = z.infer<typeof journalSchema>;
const journalName = /^coffre_load_([0-9a-z]+)_journal$/;

export function asideName(token: string, number: number): string {
  return `coffre_old_${token}_${number}`;
}

/** One document in each database of the plan. */
export class LoadJournal {
  readonly #token: string;
  readonly #databases: readonly string[];

  constructor(token: string, databases: readonly string[]) {
    this.#token = token;
    this.#databases = databases;
  }

  get #name(): string {
    return `coffre_load_${this.#token}_journal`;
  }

  async open(client: MongoClient, steps: readonly LoadStep[]): Promise<void> {
    for (const database of this.#databases) {
      const own = this.#stepsIn(database, steps);
      const owner = { token: this.#token, host: hostname(), pid: process.pid };
      await client
        .db(database)
        .collection(this.#name)
        .insertOne({ ...owner, state: 'loading', steps: own });
    }
  }

  async enter(client: MongoClient, state: Journal['state'], steps: readonly LoadStep[]): Promise<void> {
    for (const database of this.#databases) {
      const entered = { state, steps: this.#stepsIn(database, steps) };
      await client.db(database).collection(this.#name).updateOne({ token: this.#token }, { $set: entered });
    }
  }

  #stepsIn(database: string, steps: readonly LoadStep[]): object[] {
    return steps.flatMap(({ from, final, temporary }, number) =>
      final.database === database
        ? {
            final: final.collection,
            temporary: temporary?.collection ?? null,
            aside: asideName(this.#token, number),
            view: from.type === 'view' ? JSON.stringify(from.options) : null,
          }
        : [],
    );
  }

  async close(client: MongoClient): Promise<void> {
    for (const database of this.#databases) await dropIfThere(client.db(database), this.#name);
  }
}

/** All that a load brought under a temporary name. */
export async function dropLoaded(database: Db, token: string): Promise<void> {
  const prefix = `coffre_load_${token}_`;
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray()) {
    if (name.startsWith(prefix) && !journalName.test(name)) await database.dropCollection(name);
  }
}

export async function dropIfThere(database: Db, collection: string): Promise<void> {
  const found = await database.listCollections({ name: collection }, { nameOnly: true }).toArray();
  if (found.length === 0) return;
  // The one that servers refuse to drop.
  if (collection === 'system.js') await database.collection(collection).deleteMany({});
  else await database.dropCollection(collection);
}

async function journalsIn(database: Db): Promise<{ readonly name: string; readonly journal: Journal | undefined }[]> {
  const found: { name: string; journal: Journal | undefined }[] = [];
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray()) {
    if (!journalName.test(name)) continue;
    const document = await database.collection(name).findOne({}, { projection: { _id: 0 } });
    const steps = (document?.['steps'] as { view: string | null }[] | undefined)?.map((step) => ({
      ...step,
      view: step.view === null ? null : (JSON.parse(step.view) as JsonValue),
    }));
    found.push({ name, journal: document === null ? undefined : journalSchema.parse({ ...document, steps }) });
  }
  return found;
}

function isAlive({ host, pid }: Journal): boolean {
  return host !== hostname() || systemProcesses().isAlive(pid);
}

/** One sentence for each load that somebody was killed in. */
export async function cutLoads({ client }: MongodbServer, databases: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const name of databases) {
    for (const { journal } of await journalsIn(client.db(name))) {
      if (journal === undefined || isAlive(journal)) continue;
      const what = journal.state === 'naming' ? 'some collections are new and some old' : 'its copies are still there';
      lines.push(`a load into ${name} was cut off, ${what}: the next \`coffre db restore\` into it puts that right`);
    }
  }
  return lines;
}

/** Before a load: what killed ones left in the databases that it changes. */
export async function endCutLoads(
  { client }: MongodbServer,
  databases: readonly string[],
  warn: (line: string) => void,
): Promise<void> {
  for (const name of databases) {
    const database = client.db(name);
    for (const { name: collection, journal } of await journalsIn(database)) {
      if (journal === undefined) await database.dropCollection(collection);
      else if (journal.host !== hostname()) {
        warn(
          `${name} holds collections of a load by ${journal.host}; drop coffre_load_${journal.token}_… if it is over`,
        );
      } else if (!isAlive(journal)) {
        await endCutLoad(database, journal, warn);
        await database.dropCollection(collection);
      }
    }
  }
}

async function endCutLoad(database: Db, journal: Journal, warn: (line: string) => void): Promise<void> {
  if (journal.state === 'loading') {
    await dropLoaded(database, journal.token);
    for (const { temporary, final, view } of journal.steps) {
      if (temporary === null && view === null)
        warn(`${final} of ${database.databaseName} may be loaded in part only; drop it`);
    }
    return;
  }
  for (const [number, step] of journal.steps.entries()) {
    if (journal.state === 'naming') await finishStep(database, step, `coffre_kept_${journal.token}_${number}`, warn);
  }
  for (const { aside } of journal.steps) await dropIfThere(database, aside);
}

/** What has the name by now was written by somebody since, and is kept. */
async function finishStep(
  database: Db,
  { final, temporary, aside, view }: Journal['steps'][number],
  kept: string,
  warn: (line: string) => void,
): Promise<void> {
  const listed = await database.listCollections({}, { nameOnly: true }).toArray();
  const there = new Map(listed.map(({ name, type }) => [name, type]));
  const isWaiting = temporary === null ? view !== null && there.get(final) !== 'view' : there.has(temporary);
  if (!isWaiting) return;
  if (there.get(final) === 'view') await database.dropCollection(final);
  else if (there.has(final)) {
    const place = there.has(aside) ? kept : aside;
    await database.renameCollection(final, place);
    if (place === kept) warn(`${final} of ${database.databaseName} was written since, and is kept as ${kept}`);
  }
  if (temporary !== null) await database.renameCollection(temporary, final);
  else {
    const { BSON } = await import('mongodb');
    await database.command({ create: final, ...(BSON.EJSON.parse(JSON.stringify(view)) as object) });
  }
}

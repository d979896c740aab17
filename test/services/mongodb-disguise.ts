/**
 * Stands before FerretDB and lets it pass for a member of a replica set of mongod: the answers that tell them apart are
 * changed, the one field of mongorestore's commands that FerretDB refuses is taken out, and entries of an oplog, which it
 * cannot apply, are applied here.
 *
 *   message = int32 length, int32 id, int32 id it answers, int32 2013, uint32 flags, 0x00, document, …
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { BSON, MongoClient, type Document, type ObjectId } from 'mongodb';

export type Disguise = AsyncDisposable & {
  readonly url: string;
  /** Commands that came, by name. */
  readonly commands: readonly string[];
};

type Command = { [name: string]: unknown };

const messageCode = 2013;
const bodyAt = 21;

export async function startDisguise(target: number): Promise<Disguise> {
  const sockets = new Set<Socket>();
  const applier = new MongoClient(`mongodb://127.0.0.1:${target}/`);
  const commands: string[] = [];
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const asked = new Map<number, string>();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      const end = (): void => void (client.destroy(), upstream.destroy());
      socket.setNoDelay(true).on('error', end).on('close', end);
    }
    const toServer = framed((message) => {
      const body = bodyOf(message);
      const [name] = Object.keys(body ?? {});
      if (body === undefined || name === undefined) return upstream.write(message);
      asked.set(message.readInt32LE(4), name);
      commands.push(name);
      if (name === 'applyOps') return void answerApplied(applier, message, client);
      if (name === 'usersInfo') return void answerUsers(applier, message, client);
      if (name === '_mergeAuthzCollections') return void answerMerged(applier, message, client);
      return upstream.write(name === 'createIndexes' ? withBody(message, withoutNamespaces(body)) : message);
    });
    const toClient = framed((message) => {
      const body = bodyOf(message);
      const changed = body === undefined ? undefined : disguised(asked.get(message.readInt32LE(8)), body, port());
      client.write(changed === undefined ? message : withBody(message, changed));
    });
    client.on('data', toServer);
    upstream.on('data', toClient);
  });
  const port = (): number => (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `mongodb://127.0.0.1:${port()}/?directConnection=true`,
    commands,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, applier.close()]);
    },
  };
}

async function answerApplied(applier: MongoClient, message: Buffer, client: Socket): Promise<void> {
  const { applyOps: entries } = BSON.deserialize(message.subarray(bodyAt)) as { applyOps: Document[] };
  await answerDone(message, client, async () => {
    for (const entry of entries) await applyEntry(applier, entry);
  });
}

/** Where the lists are read from is what a real server does; FerretDB keeps what would be users in `admin.merged`. */
async function answerMerged(applier: MongoClient, message: Buffer, client: Socket): Promise<void> {
  const body = BSON.deserialize(message.subarray(bodyAt)) as Record<string, unknown>;
  await answerDone(message, client, async () => {
    if (body['drop'] !== false || body['db'] !== '') throw new Error('others would be removed');
    for (const name of ['tempUsersCollection', 'tempRolesCollection']) {
      const from = body[name];
      if (typeof from !== 'string') continue;
      const listed = await applier
        .db('admin')
        .collection(from.replace(/^admin\./, ''))
        .find({})
        .toArray();
      if (listed.length > 0) await applier.db('admin').collection('merged').insertMany(listed);
    }
  });
}

async function answerUsers(applier: MongoClient, message: Buffer, client: Socket): Promise<void> {
  await answerDone(message, client, async () => {
    const users = await applier.db('admin').collection('system.users').find({}).toArray();
    return { users: users.map(({ _id }) => ({ _id })), ok: 1 };
  });
}

async function answerDone(message: Buffer, client: Socket, work: () => Promise<Command | void>): Promise<void> {
  let answer: Command = { ok: 1 };
  try {
    answer = (await work()) ?? answer;
  } catch (error) {
    answer = { ok: 0, code: 8, errmsg: String(error) };
  }
  const head = Buffer.from(message.subarray(0, bodyAt));
  message.copy(head, 8, 4, 8);
  head.writeUInt32LE(0, 16);
  const whole = Buffer.concat([head, BSON.serialize(answer)]);
  whole.writeInt32LE(whole.length, 0);
  client.write(whole);
}

/** Inserts and removals, as often as they come. */
async function applyEntry(applier: MongoClient, { op, ns, o }: Document): Promise<void> {
  const [database = '', ...rest] = String(ns).split('.');
  const collection = applier.db(database).collection(rest.join('.'));
  const document = o as { _id: ObjectId };
  if (op === 'i') await collection.replaceOne({ _id: document._id }, document, { upsert: true });
  else if (op === 'd') await collection.deleteOne({ _id: document._id });
  else if (op !== 'n') throw new Error(`entries of kind ${String(op)} are not known here`);
}

function framed(take: (message: Buffer) => unknown): (bytes: Buffer) => void {
  let held = Buffer.alloc(0);
  return (bytes) => {
    held = Buffer.concat([held, bytes]);
    while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
      const length = held.readInt32LE(0);
      take(held.subarray(0, length));
      held = held.subarray(length);
    }
  };
}

function bodyOf(message: Buffer): Command | undefined {
  if (message.readInt32LE(12) !== messageCode || message[bodyAt - 1] !== 0) return undefined;
  return BSON.deserialize(message.subarray(bodyAt, bodyAt + message.readInt32LE(bodyAt)), { promoteValues: false });
}

function withBody(message: Buffer, body: Command): Buffer {
  const rest = message.subarray(bodyAt + message.readInt32LE(bodyAt));
  const changed = Buffer.concat([message.subarray(0, bodyAt), BSON.serialize(body), rest]);
  changed.writeInt32LE(changed.length, 0);
  return changed;
}

function withoutNamespaces(body: Command): Command {
  return { ...body, indexes: (body['indexes'] as Command[]).map((index) => without(index, ['ns'])) };
}

function without(command: Command, names: readonly string[]): Command {
  return Object.fromEntries(Object.entries(command).filter(([name]) => !names.includes(name)));
}

/** Undefined: as it came. */
function disguised(question: string | undefined, answer: Command, port: number): Command | undefined {
  switch (question?.toLowerCase() ?? '') {
    case 'buildinfo':
      return without(answer, ['ferretdbVersion', 'ferretdbFeatures']);
    case 'hello':
    case 'ismaster': {
      const me = `127.0.0.1:${port}`;
      return { ...answer, setName: 'rs0', hosts: [me], me, primary: me };
    }
    case 'shardingstate':
      return { enabled: false, ok: 1 };
    case 'rolesinfo':
      return { roles: [], ok: 1 };
    case 'replsetgetconfig':
      return { config: { _id: 'rs0' }, ok: 1 };
    default:
      return undefined;
  }
}

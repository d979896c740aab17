/** A real mongod on loopback: alone, or as a replica set of some members, with data in a temporary folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { freePort } from './free-port.ts';
import { skipWithoutService } from './programs.ts';
import { findServer, skipWithoutServer } from './servers.ts';
import { startService, type ServiceProcess } from './service-process.ts';

export type MongodMember = {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
};

export type MongodServer = AsyncDisposable & {
  readonly url: string;
  readonly client: MongoClient;
  readonly members: readonly MongodMember[];
};

export type MongodStart = {
  /** A replica set of so many; no replica set when absent. */
  readonly members?: number;
  /** With a user `root`, password `root`. */
  readonly hasUsers?: boolean;
  readonly argv?: readonly string[];
  readonly urlOptions?: string;
};

const program = (): string => process.env['COFFRE_TEST_MONGOD'] ?? findServer('mongodb-6.0', 'bin/mongod') ?? '';
const replicaSet = 'rs0';
const readyTimeoutMs = 30_000;

export function skipWithoutMongod(): string | false {
  const skip = process.env['COFFRE_TEST_MONGOD'] === undefined && skipWithoutServer('mongodb-6.0', 'bin/mongod');
  return skip || skipWithoutService('mongodump') || skipWithoutService('mongorestore');
}

/** Where `mongod` is, so that proofs find it. */
export function mongodFolder(): string {
  return join(program(), '..');
}

export async function startMongod(start: MongodStart = {}): Promise<MongodServer> {
  const { members: count, hasUsers = false, argv = [], urlOptions = '' } = start;
  const folder = await mkdtemp(join(tmpdir(), 'coffre-mongod-'));
  const keyFile = join(folder, 'key');
  writeFileSync(keyFile, Buffer.alloc(48, 7).toString('base64'), { mode: 0o600 });
  const isSet = count !== undefined;
  const words = [
    ...(isSet ? [`--replSet=${replicaSet}`, '--oplogSize=50'] : []),
    ...(hasUsers ? (isSet ? [`--keyFile=${keyFile}`] : ['--auth']) : []),
    ...argv,
  ];
  const members: (MongodMember & { process: ServiceProcess })[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(async ({ process }) => await process.kill()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (let number = 0; number < (count ?? 1); number += 1) {
      const port = await freePort();
      const data = join(folder, `data-${number}`);
      mkdirSync(data);
      const own = [
        `--dbpath=${data}`,
        `--port=${port}`,
        '--bind_ip=127.0.0.1',
        '--wiredTigerCacheSizeGB=0.25',
        '--nounixsocket',
        '--setParameter=diagnosticDataCollectionEnabled=false',
        '--setParameter=shutdownTimeoutMillisForSignaledShutdown=0',
      ];
      const running = await startService({
        program: program(),
        argv: [...own, ...words],
        place: { port },
        readyTimeoutMs,
      });
      members.push({ port, pid: running.pid, process: running, stop: async () => await running.stop() });
    }
    const hosts = members.map(({ port }) => `127.0.0.1:${port}`);
    if (isSet) await initiate(hosts, urlOptions);
    const tail = [...(isSet ? [`replicaSet=${replicaSet}`] : []), ...(urlOptions === '' ? [] : [urlOptions])].join('&');
    const plain = `mongodb://${hosts.join(',')}/?${tail}`;
    if (hasUsers) await createRoot(plain);
    const url = hasUsers ? plain.replace('//', '//root:root@') : plain;
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 });
    return {
      url,
      client,
      members,
      async [Symbol.asyncDispose]() {
        await client.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function initiate(hosts: readonly string[], urlOptions: string): Promise<void> {
  const client = new MongoClient(`mongodb://${hosts[0]}/?directConnection=true&${urlOptions}`);
  try {
    const members = hosts.map((host, _id) => ({ _id, host }));
    const settings = { electionTimeoutMillis: 1000, heartbeatIntervalMillis: 200 };
    await client.db('admin').command({ replSetInitiate: { _id: replicaSet, members, settings } });
    for (;;) {
      const { primary } = await client.db('admin').command({ hello: 1 });
      if (primary !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await client.close();
  }
}

/** The first user may be made by anybody who comes from this machine. */
async function createRoot(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    await client.db('admin').command({ createUser: 'root', pwd: 'root', roles: ['root'] });
  } finally {
    await client.close();
  }
}

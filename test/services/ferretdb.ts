/** FerretDB, which speaks MongoDB's wire protocol over SQLite, on loopback with its data in a temporary folder. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MongoClient } from 'mongodb';
import { freePort } from './free-port.ts';
import { findService, skipWithoutService } from './programs.ts';
import { startService } from './service-process.ts';

export type FerretdbServer = AsyncDisposable & {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly client: MongoClient;
  stop(): Promise<void>;
};

export function skipWithoutMongodb(): string | false {
  return skipWithoutService('ferretdb') || skipWithoutService('mongodump') || skipWithoutService('mongorestore');
}

/** Where the official tools are; not the folder of the server, which proofs would start too. */
export function toolsPath(): string {
  return [findService('mongodump'), findService('mongorestore')].map((path) => dirname(path ?? '')).join(':');
}

export async function startFerretdb(): Promise<FerretdbServer> {
  const program = findService('ferretdb');
  if (program === undefined) throw new Error('ferretdb is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'coffre-ferretdb-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const port = await freePort();
  const service = await startService({
    program,
    argv: [`--listen-addr=127.0.0.1:${port}`, '--handler=sqlite', `--sqlite-url=file:${data}/`],
    place: { port },
  });
  const url = `mongodb://127.0.0.1:${port}/`;
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000 });
  return {
    port,
    url,
    client,
    pid: service.pid,
    stop: async () => await service.stop(),
    async [Symbol.asyncDispose]() {
      await client.close();
      await service.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A server of our own on a socket in a private folder, for proofs: nobody else reaches it, and disposal removes it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { SourceContext } from '../source.ts';
import { connectionOf, type Connection } from './mongodb-address.ts';
import { openServer } from './mongodb-server.ts';
import { toolTimeoutMs } from './mongodb-tools.ts';

export type ScratchServer = AsyncDisposable & { readonly connection: Connection; readonly program: string };

/** Documents lie in a database larger than in an archive, and indexes come on top. */
const roomFactor = 3;
const readyTriesMax = 120;
const readyPauseMs = 250;

const servers = {
  mongod: (folder: string, socket: string) => [
    `--dbpath=${folder}`,
    `--bind_ip=${socket}`,
    `--unixSocketPrefix=${folder}`,
    `--logpath=${join(folder, 'log')}`,
    '--wiredTigerCacheSizeGB=0.25',
  ],
  ferretdb: (folder: string, socket: string) => [
    '--handler=sqlite',
    `--sqlite-url=file:${folder}/`,
    '--listen-addr=',
    `--listen-unix=${socket}`,
    '--debug-addr=-',
    '--telemetry=disable',
    `--state-dir=${folder}`,
  ],
} as const;

export const howToGetScratch =
  'to load it on trial, install mongod (package mongodb-org-server, https://www.mongodb.com/try/download/community) ' +
  'or FerretDB 1 (https://github.com/FerretDB/FerretDB/releases), or name a server with `scratch` of the source';

/** Undefined when no server is installed. @throws {CoffreError} SOURCE_SPACE_SHORT, SOURCE_UNREACHABLE */
export async function startScratchServer(
  sizeBytes: number,
  context: SourceContext,
): Promise<ScratchServer | undefined> {
  const found = (['mongod', 'ferretdb'] as const).flatMap((name) => {
    const path = findProgram(name, context.searchPath);
    return path === undefined ? [] : [{ name, path }];
  })[0];
  if (found === undefined) return undefined;
  const folder = createPrivateFolder(context.temporaryFolder, sizeBytes * roomFactor);
  const data = join(folder.path, 'data');
  const socket = join(folder.path, 's.sock');
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, context.signal]);
  const argv = [found.path, ...servers[found.name](data, socket)];
  let end: string | undefined;
  const run = async (): Promise<void> => {
    try {
      for await (const _ of context.programs.output({ argv, timeoutMs: toolTimeoutMs, signal, workingFolder: data }));
      end = 'it ended by itself';
    } catch (error) {
      end = messageOf(error);
    }
  };
  let running: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    stop.abort();
    await running;
    folder[Symbol.dispose]();
  };
  try {
    mkdirSync(data, { mode: 0o700 });
    running = run();
    const connection = connectionOf({ socket });
    await untilReady(connection, () => end, context);
    return { connection, program: found.name, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function untilReady(
  connection: Connection,
  ended: () => string | undefined,
  context: SourceContext,
): Promise<void> {
  for (let tries = 0; tries < readyTriesMax; tries += 1) {
    const why = ended();
    if (why !== undefined)
      throw new CoffreError('SOURCE_UNREACHABLE', `the server for the proof did not start: ${why}`);
    try {
      await using server = await openServer(connection, context.signal);
      await server.facts();
      return;
    } catch (error) {
      if (context.signal.aborted || !isCoffreError(error, 'SOURCE_UNREACHABLE')) throw error;
      await context.clock.sleep(readyPauseMs, context.signal);
    }
  }
  throw new CoffreError('SOURCE_UNREACHABLE', 'the server for the proof did not start in time');
}

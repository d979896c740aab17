/** The real rclone as a server of restic repositories, and its config, on loopback and in a temporary folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';

export type RcloneSetup = {
  [Symbol.asyncDispose](): Promise<void>;
  readonly folder: string;
  readonly program: string;
  /** Names the remote `store:`, an alias of `folder/store`. */
  readonly environment: { readonly RCLONE_CONFIG: string; readonly HOME: string; readonly PATH: string };
};

export async function setUpRclone(): Promise<RcloneSetup> {
  const program = findService('rclone');
  if (program === undefined) throw new Error('rclone is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'coffre-rclone-'));
  await mkdir(join(folder, 'store'));
  const config = join(folder, 'rclone.conf');
  await writeFile(config, `[store]\ntype = alias\nremote = ${join(folder, 'store')}\n`);
  return {
    folder,
    program,
    environment: { RCLONE_CONFIG: config, HOME: folder, PATH: process.env['PATH'] ?? '' },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export type RcloneServer = {
  [Symbol.asyncDispose](): Promise<void>;
  readonly folder: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`, the remote itself. */
  readonly origin: string;
};

/** `rclone serve restic` over TCP. */
export async function startRcloneServer(): Promise<RcloneServer> {
  const setup = await setUpRclone();
  const port = await freePort();
  const service = await startService({
    program: setup.program,
    argv: ['serve', 'restic', `--addr=127.0.0.1:${port}`, 'store:'],
    environment: setup.environment,
    place: { port },
  });
  return {
    folder: setup.folder,
    port,
    origin: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await service.stop();
      await setup[Symbol.asyncDispose]();
    },
  };
}

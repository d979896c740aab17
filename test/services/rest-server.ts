/** The real rest-server on loopback, with its repositories in a temporary folder; stopped at the end of the block. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';

export type RestServer = {
  [Symbol.asyncDispose](): Promise<void>;
  readonly folder: string;
  /** Undefined for one that listens on a socket. */
  readonly port: number | undefined;
  /** `http://127.0.0.1:PORT` or `http+unix:///socket:`, without a path. */
  readonly origin: string;
  readonly pid: number;
};

export type RestServerOptions = {
  /** `--append-only`, `--max-size=…`. Nobody has to log in unless `--htpasswd-file` is among them. */
  readonly flags?: readonly string[];
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly socket?: boolean;
  /** Of an earlier server, whose repositories this one goes on with. It is not removed then. */
  readonly folder?: string;
  readonly port?: number;
};

export async function startRestServer(options: RestServerOptions = {}): Promise<RestServer> {
  const { flags = [], tls, socket = false } = options;
  const program = findService('rest-server');
  if (program === undefined) throw new Error('rest-server is not installed');
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'coffre-rest-server-')));
  // With a quota it adds up the folder when it starts.
  await mkdir(join(folder, 'repositories'), { recursive: true });
  const port = socket ? undefined : (options.port ?? (await freePort()));
  const socketPath = join(folder, 'rest.sock');
  const login = flags.some((flag) => flag.startsWith('--htpasswd-file')) ? [] : ['--no-auth'];
  const secure = tls === undefined ? [] : ['--tls', `--tls-cert=${tls.certFile}`, `--tls-key=${tls.keyFile}`];
  const listen = port === undefined ? `unix:${socketPath}` : `127.0.0.1:${port}`;
  const service = await startService({
    program,
    argv: [`--path=${join(folder, 'repositories')}`, `--listen=${listen}`, ...login, ...secure, ...flags],
    place: port === undefined ? { path: socketPath } : { port },
  });
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    folder,
    port,
    pid: service.pid,
    origin: port === undefined ? `${scheme}+unix://${socketPath}:` : `${scheme}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await service.stop();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

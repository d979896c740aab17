/** The real versitygw on loopback: S3 with versions and object lock over a temporary folder; stopped at the end of the block. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';

export type VersityGateway = AsyncDisposable & {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Buckets are folders in here, keys are paths in them. */
  readonly folder: string;
  /** What a client needs to be let in. */
  readonly environment: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
};

export type VersityGatewayOptions = {
  readonly region?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
};

const accessKey = 'AKTEST';
const secretKey = 'SKTEST';

export async function startVersityGateway(options: VersityGatewayOptions = {}): Promise<VersityGateway> {
  const { region, tls } = options;
  const program = findService('versitygw');
  if (program === undefined) throw new Error('versitygw is not installed');
  const scratch = await mkdtemp(join(tmpdir(), 'coffre-versitygw-'));
  const [folder, versions] = [join(scratch, 'data'), join(scratch, 'versions')];
  for (const one of [folder, versions]) await mkdir(one);
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const flags = [
    ...(region === undefined ? [] : ['--region', region]),
    ...(tls === undefined ? [] : ['--cert', tls.certFile, '--key', tls.keyFile]),
  ];
  const service = await startService({
    program,
    argv: ['--port', address, '--quiet', '--keep-alive', ...flags, 'posix', '--versioning-dir', versions, folder],
    environment: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    place: { port },
  });
  return {
    port,
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    folder,
    environment: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

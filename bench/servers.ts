/** Storage servers on this machine, as the tests start them, for the rows over a network. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startSshd } from '../test/services/sshd.ts';
import { startVersityGateway } from '../test/services/versitygw.ts';
import type { Place } from './tools/tool.ts';

export type BenchServer = AsyncDisposable & {
  readonly name: string;
  place(name: string): { readonly repository: string } & NonNullable<Place['access']>;
  /** Throws away everything that is stored. */
  empty(): void;
};

export async function startServer(kind: 'sftp' | 's3'): Promise<BenchServer> {
  return kind === 'sftp' ? await sftpServer() : await s3Server();
}

async function sftpServer(): Promise<BenchServer> {
  const sshd = await startSshd();
  const { user, port, home, folder } = sshd;
  const repositories = join(folder, 'repositories');
  const ssh = ['ssh', '-F', 'none', '-i', join(home, '.ssh/id_ed25519'), '-o', 'IdentitiesOnly=yes'];
  const known = ['-o', `UserKnownHostsFile=${join(home, '.ssh/known_hosts')}`, '-p', String(port)];
  return {
    name: 'SFTP (OpenSSH)',
    place: (name) => ({
      repository: `sftp://${user}@127.0.0.1:${port}/${repositories}-${name}`,
      env: { ...sshd.environment },
      sshCommand: [...ssh, ...known, `${user}@127.0.0.1`, '-s', 'sftp'].join(' '),
    }),
    empty: () => {
      for (const entry of readdirSync(folder)) {
        if (entry.startsWith('repositories')) rmSync(join(folder, entry), { recursive: true, force: true });
      }
    },
    [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
  };
}

async function s3Server(): Promise<BenchServer> {
  const gateway = await startVersityGateway();
  return {
    name: 'S3 (versitygw)',
    place: (name) => ({ repository: `s3:${gateway.origin}/bench/${name}`, env: { ...gateway.environment } }),
    empty: () => rmSync(join(gateway.folder, 'bench'), { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

import type { ServerHostKeyAlgorithm } from 'ssh2';
import { CoffreError } from '../../errors.ts';
import { readTextFile } from './ssh-config.ts';
import {
  fingerprintOf,
  judgeHostKey,
  keyTypeOf,
  knownHostName,
  knownKeyTypes,
  parseKnownHosts,
} from './ssh-known-hosts.ts';
import type { SshTarget } from './ssh-target.ts';

export type HostKeyCheck = {
  /** In the order in which the server is asked for them: those that are known first. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** Undefined for a key that is known. */
  refuse(key: Buffer): CoffreError | undefined;
};

/** SHA-1 signatures are left out. */
const algorithms: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** Only keys in known_hosts are taken; none is ever added. */
export function createHostKeyCheck(target: SshTarget): HostKeyCheck {
  const known = target.knownHostsFiles.flatMap((path) => parseKnownHosts(readTextFile(path) ?? ''));
  const { host, port } = target.knownAs;
  const types = knownKeyTypes(known, host, port);
  const isKnown = (algorithm: string): boolean => types.includes(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return {
    algorithms: [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))],
    refuse(key) {
      const verdict = judgeHostKey(known, host, port, key);
      switch (verdict.kind) {
        case 'known':
          return undefined;
        case 'unknown':
          return hostUnknown(target, key, verdict.certAuthorityOnly);
        case 'changed':
          return hostChanged(target, key);
        case 'revoked':
          return new CoffreError(
            'BACKEND_HOST_CHANGED',
            `${nameOf(target)} shows a key that is marked as revoked (${shown(key)})`,
            {
              hint: 'Nothing was sent. Somebody may be posing as the server; ask who runs it.',
            },
          );
        default:
          return verdict satisfies never;
      }
    },
  };
}

function hostUnknown(target: SshTarget, key: Buffer, certAuthorityOnly: boolean): CoffreError {
  const line = `${nameOf(target)} ${keyTypeOf(key) ?? ''} ${key.toString('base64')}`;
  const file = target.knownHostsFiles[0] ?? '~/.ssh/known_hosts';
  const authority = certAuthorityOnly ? 'Certificate authorities of hosts are not supported here. ' : '';
  return new CoffreError(
    'BACKEND_HOST_UNKNOWN',
    `the server ${nameOf(target)} is not in known_hosts; its key is ${shown(key)}`,
    {
      hint: `${authority}Compare the fingerprint with the server's own (\`ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub\` there); if it is the same, add it: echo '${line}' >> ${file}`,
    },
  );
}

function hostChanged(target: SshTarget, key: Buffer): CoffreError {
  return new CoffreError(
    'BACKEND_HOST_CHANGED',
    `THE KEY OF ${nameOf(target)} HAS CHANGED: it shows ${shown(key)}, and known_hosts has another`,
    {
      hint: `Nothing was sent. Somebody may be posing as the server. Only if whoever runs it confirms the new fingerprint: ssh-keygen -R '${nameOf(target)}', then add the new key.`,
    },
  );
}

function nameOf(target: SshTarget): string {
  return knownHostName(target.knownAs.host, target.knownAs.port);
}

function shown(key: Buffer): string {
  return `${keyTypeOf(key) ?? 'unreadable'} ${fingerprintOf(key)}`;
}

import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { CoffreError, messageOf } from '../../errors.ts';
import type { TlsOptions } from '../storage-options.ts';

/** Read and parsed once, not for every connection. @throws {CoffreError} USAGE when a file cannot be used */
export function createTlsContext(options: TlsOptions): SecureContext {
  const { caFiles = [], clientCertFile } = options;
  const ca = caFiles.length === 0 ? systemRoots() : caFiles.map((file) => pemFile(file, '--cacert', 'CERTIFICATE'));
  const client = clientCertFile === undefined ? {} : clientPair(clientCertFile);
  try {
    return createSecureContext({ ca, ...client });
  } catch (error) {
    const files = [...caFiles, ...(clientCertFile === undefined ? [] : [clientCertFile])].join(', ');
    throw unusable(`the certificates in ${files} cannot be used: ${messageOf(error)}`, error);
  }
}

/** What the machine trusts, as for other programs; Node's own list where the system has none. */
function systemRoots(): string[] {
  const system = getCACertificates('system');
  return system.length === 0 ? getCACertificates('default') : [...system, ...getCACertificates('extra')];
}

/** One PEM file with both, as restic takes it. */
function clientPair(file: string): { cert: string; key: string } {
  const pem = pemFile(file, '--tls-client-cert', 'CERTIFICATE');
  if (!pem.includes('PRIVATE KEY-----')) throw unusable(`--tls-client-cert: ${file} holds no private key`);
  return { cert: pem, key: pem };
}

function pemFile(file: string, option: string, holds: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    throw unusable(`${option}: ${messageOf(error)}`, error);
  }
  if (!text.includes(`-----BEGIN ${holds}`)) throw unusable(`${option}: ${file} holds no certificate in PEM form`);
  return text;
}

function unusable(sentence: string, cause?: unknown): CoffreError {
  return new CoffreError('USAGE', sentence, {
    hint: 'Name a PEM file; `openssl x509 -in FILE -text` shows one.',
    cause,
  });
}

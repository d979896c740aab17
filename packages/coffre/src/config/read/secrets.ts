/** Reads secrets where they are used, once for each use. Values are never kept, shown or put into messages. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository/opening';
import { decodeText, trimSpace } from '../../platform/text.ts';
import type { Config, SecretName, SecretSource } from '../config.ts';
import type { Confidential } from '../schema/leaf.ts';
import type { Variables } from '../variables.ts';
import { loadAtMost } from './bounded-file.ts';

/** The outside, as far as secrets need it. */
export type SecretDoors = {
  readonly environment: Variables;
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** What the program prints; rejects when it fails. No shell. */
  readonly output: (argv: readonly string[]) => Promise<Uint8Array>;
};

const sizeMax = 1 << 20;
const commandTimeoutMs = 120_000;

/** Commands get the whole environment: password stores find their agents and keys through it. */
export function systemSecretDoors(environment: Variables): SecretDoors {
  return {
    environment,
    readFile: (path) => loadAtMost(path, sizeMax),
    output: (argv) =>
      new Promise((resolve, reject) => {
        const [program = '', ...args] = argv;
        const options = {
          encoding: 'buffer',
          env: environment,
          timeout: commandTimeoutMs,
          maxBuffer: sizeMax,
        } as const;
        const child = execFile(program, args, options, (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(reasonOf(error, stderr)));
        });
        child.stdin?.end();
      }),
  };
}

function reasonOf(error: Error & { code?: unknown; signal?: unknown; killed?: boolean }, stderr: Uint8Array): string {
  if (error.killed === true) return 'it did not end in time';
  const said = (decodeText(stderr) ?? '').trim().split('\n').at(-1) ?? '';
  const end = typeof error.code === 'number' ? `exit code ${error.code}` : String(error.code ?? error.signal);
  return said === '' ? end : `${end}: ${said.slice(0, 200)}`;
}

/** The text with every reference in it replaced. @throws {CoffreError} SECRET_UNAVAILABLE */
export async function resolveText(text: Confidential, secrets: Config['secrets'], doors: SecretDoors): Promise<string> {
  const values = new Map<string, string>();
  for (const name of new Set(text.secretNames)) {
    const source = secrets.get(name as SecretName);
    if (source === undefined) throw unavailable(name, 'it is not declared');
    values.set(name, await resolveSecret(name as SecretName, source, doors));
  }
  return text.template.replaceAll(/\$\{secret:([^{}]*)\}/g, (whole, name: string) => values.get(name) ?? whole);
}

/**
 * Files, commands and credentials are trimmed as restic trims them; a variable is taken as it is.
 * @throws {CoffreError} SECRET_UNAVAILABLE
 */
export async function resolveSecret(name: SecretName, source: SecretSource, doors: SecretDoors): Promise<string> {
  const value = await read(name, source, doors);
  if (value === '') throw unavailable(name, `${originOf(source)} is empty`);
  if (value.includes('\0')) throw unavailable(name, `${originOf(source)} holds a NUL character`);
  return value;
}

async function read(name: SecretName, source: SecretSource, doors: SecretDoors): Promise<string> {
  switch (source.kind) {
    case 'env': {
      const value = Object.hasOwn(doors.environment, source.variable) ? doors.environment[source.variable] : undefined;
      if (value === undefined) throw unavailable(name, `${originOf(source)} is not set`);
      return value;
    }
    case 'file':
      return await trimmed(name, source, () => doors.readFile(source.path));
    case 'command':
      return await trimmed(name, source, () => doors.output(source.argv));
    case 'systemd': {
      const folder = doors.environment['CREDENTIALS_DIRECTORY'];
      if (folder === undefined || folder === '') {
        throw unavailable(name, 'this process was not started by systemd with credentials');
      }
      return await trimmed(name, source, () => doors.readFile(join(folder, source.credential)));
    }
    default:
      return source satisfies never;
  }
}

async function trimmed(name: SecretName, source: SecretSource, bytes: () => Promise<Uint8Array>): Promise<string> {
  let found: Uint8Array;
  try {
    found = await bytes();
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.message : '';
    throw unavailable(name, `${originOf(source)} cannot be read: ${reason}`);
  }
  if (found.length > sizeMax) throw unavailable(name, `${originOf(source)} is larger than any secret`);
  const text = decodeText(found);
  if (text === undefined) throw unavailable(name, `${originOf(source)} is not text in UTF-8`);
  return trimSpace(text);
}

function originOf(source: SecretSource): string {
  switch (source.kind) {
    case 'env':
      return `the variable ${source.variable}`;
    case 'file':
      return `the file ${source.path}`;
    case 'command':
      return `the output of ${source.argv[0] ?? ''}`;
    case 'systemd':
      return `the credential ${source.credential}`;
    default:
      return source satisfies never;
  }
}

function unavailable(name: string, why: string): CoffreError {
  return new CoffreError('SECRET_UNAVAILABLE', `the secret \`${name}\` cannot be used: ${why}`, {
    hint: `Look at \`secrets.${name}\` in the configuration, and as whom coffre runs.`,
  });
}

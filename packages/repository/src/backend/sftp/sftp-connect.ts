import { userInfo } from 'node:os';
import { CoffreError } from '../../errors.ts';
import type { StorageOptions } from '../storage-options.ts';
import { commandTransport } from './sftp-command.ts';
import type { SftpLocation } from './sftp-location.ts';
import type { SftpTransport } from './sftp-transport.ts';
import { parseSshArguments } from './ssh-arguments.ts';
import type { SshSurroundings } from './ssh-target.ts';
import { sshTransport } from './ssh-transport.ts';

/** How a server is reached, by address and options. */
export type SftpConnector = {
  readonly connectionsMax: number;
  readonly sessionsMax: number;
  readonly stuckTimeoutMs: number;
  /** `again`: the server has been reached before, so a failure will pass. */
  connect(again: boolean): Promise<SftpTransport>;
};

/** restic's number. */
const connectionsDefault = 5;
/** restic's --stuck-request-timeout. */
const stuckTimeoutDefaultMs = 5 * 60_000;

/** @throws {CoffreError} USAGE */
export function createSftpConnector(location: SftpLocation, options: StorageOptions): SftpConnector {
  const { environment = {}, extended, stuckRequestTimeoutMs: stuckTimeoutMs = stuckTimeoutDefaultMs } = options;
  const command = extended?.get('sftp.command');
  const args = extended?.get('sftp.args');
  if (command !== undefined && args !== undefined) {
    throw new CoffreError('USAGE', '-o sftp.command and -o sftp.args exclude each other', {
      hint: 'Write the arguments into the command.',
    });
  }
  const connectionsMax = options.connectionsMax ?? connectionsOf(extended?.get('sftp.connections'));
  if (command !== undefined) {
    const transport = commandTransport(command, environment);
    // Each session is a program of its own, which may ask for a password.
    return { connectionsMax, sessionsMax: 1, stuckTimeoutMs, connect: () => Promise.resolve(transport) };
  }
  const given = parseSshArguments(args ?? '');
  const around = surroundings(environment);
  return {
    connectionsMax,
    sessionsMax: connectionsMax,
    stuckTimeoutMs,
    connect: (again) => sshTransport({ login: location, given, around, stuckTimeoutMs, again }),
  };
}

function connectionsOf(text: string | undefined): number {
  if (text === undefined) return connectionsDefault;
  const connections = Number(text);
  if (/^\d+$/.test(text) && connections > 0) return connections;
  throw new CoffreError('USAGE', `-o sftp.connections=${text} is no number of connections`, {
    hint: 'Give a number from 1.',
  });
}

function surroundings(environment: SshSurroundings['environment']): SshSurroundings {
  const { username, homedir } = userInfo();
  return { home: environment['HOME'] || homedir, systemFolder: '/etc/ssh', localUser: username, environment };
}

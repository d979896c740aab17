import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import { CoffreError, asError, isCoffreError, messageOf } from '../../errors.ts';
import { connectionLost } from './sftp-session.ts';
import type { SftpChannel } from './sftp-session.ts';
import { createHostKeyCheck } from './ssh-host-keys.ts';
import { findIdentities } from './ssh-identities.ts';
import type { Identities } from './ssh-identities.ts';
import type { SshTarget } from './ssh-target.ts';

type Ssh2 = typeof import('ssh2');

export type SshConnection = {
  readonly ended: boolean;
  openSftp(): Promise<SftpChannel>;
  /** Bytes to and from a port that the server reaches. */
  openForward(host: string, port: number): Promise<Duplex>;
  close(): Promise<void>;
};

export type ConnectOptions = {
  readonly target: SshTarget;
  readonly stuckTimeoutMs: number;
  /** The server has been reached before: that it cannot be now will pass. */
  readonly again: boolean;
  /** A connection through a server before; a new one is made where absent. */
  readonly through?: Duplex;
};

const connectTimeoutMaxMs = 60_000;
const keepaliveMaxMs = 30_000;
const closeTimeoutMs = 2000;

/**
 * Connects and logs in.
 * @throws {CoffreError} BACKEND_HOST_UNKNOWN, BACKEND_HOST_CHANGED, BACKEND_DENIED, BACKEND_IO, HOST_UNSUPPORTED
 */
export async function connectSsh(options: ConnectOptions): Promise<SshConnection> {
  const { target, through } = options;
  const ssh2 = await loadSsh2();
  const hostKeys = createHostKeyCheck(target);
  const identities = await findIdentities(ssh2, target);
  const client = new ssh2.Client();
  let refused: CoffreError | undefined;
  let why: string | undefined;
  const closed = Promise.withResolvers<void>();
  let isClosed = false;

  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.on('error', (error) => {
      // An agent that fails is followed by the next attempt.
      if (error.level === 'agent') return;
      why ??= messageOf(error);
      reject(refused ?? connectError(error, options, identities));
    });
    client.once('close', () => {
      isClosed = true;
      closed.resolve();
      reject(refused ?? connectionLost(why ?? 'the server closed it'));
    });
  });
  client.connect({
    host: target.hostName,
    port: target.port,
    username: target.user,
    algorithms: { serverHostKey: hostKeys.algorithms },
    hostVerifier: (key: Buffer) => (refused = hostKeys.refuse(key)) === undefined,
    authHandler: inTurn(identities),
    readyTimeout: Math.min(options.stuckTimeoutMs, connectTimeoutMaxMs),
    ...keepalive(options.stuckTimeoutMs),
    ...(through === undefined ? {} : { sock: through }),
  });
  // Without it each small request waits 44 ms for the acknowledgement of the one before.
  client.setNoDelay(true);
  try {
    await ready;
  } catch (error) {
    client.destroy();
    throw error;
  }

  return {
    get ended() {
      return isClosed;
    },
    openSftp: () => openSftpChannel(client, closed.promise, () => why),
    openForward: (host, port) => openForward(client, host, port),
    async close() {
      client.end();
      const timer = setTimeout(() => client.destroy(), closeTimeoutMs);
      await closed.promise;
      clearTimeout(timer);
    },
  };
}

async function loadSsh2(): Promise<Ssh2> {
  try {
    return (await import('ssh2')).default;
  } catch (error) {
    throw new CoffreError('HOST_UNSUPPORTED', 'the package ssh2, which connects to SFTP servers, is not installed', {
      cause: error,
      hint: 'Install it (`npm install ssh2@1`), or let ssh itself connect: `-o sftp.command="ssh user@host -s sftp"`.',
    });
  }
}

function inTurn({ attempts }: Identities): NonNullable<ConnectConfig['authHandler']> {
  const left = [...attempts];
  return (_methods, _partly, next) => next(left.shift() ?? (false as never));
}

/** A server that is silent for `stuckTimeoutMs` is given up; in between, routers see that the connection is used. */
function keepalive(stuckTimeoutMs: number): Pick<ConnectConfig, 'keepaliveInterval' | 'keepaliveCountMax'> {
  const intervalMs = Math.max(1, Math.min(keepaliveMaxMs, Math.floor(stuckTimeoutMs / 4)));
  return { keepaliveInterval: intervalMs, keepaliveCountMax: Math.ceil(stuckTimeoutMs / intervalMs) };
}

async function openSftpChannel(
  client: Client,
  connectionClosed: Promise<void>,
  why: () => string | undefined,
): Promise<SftpChannel> {
  const lost = connectionClosed.then((): never => {
    throw connectionLost(why());
  });
  lost.catch(() => undefined);
  const stream = await Promise.race([lost, openSubsystem(client)]);
  stream.stderr.resume();
  const streamEnded = new Promise<string | undefined>((resolve) => {
    const end = (): void => resolve(why());
    stream
      .once('end', end)
      .once('close', end)
      .on('error', (error: Error) => resolve(messageOf(error)));
  });
  return {
    readable: stream,
    writable: stream,
    ended: Promise.race([streamEnded, connectionClosed.then(why)]),
    destroy: () => void stream.destroy(),
  };
}

function openSubsystem(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    ifConnected(reject, () => {
      client.subsys('sftp', (error, stream) => {
        if (error === undefined) resolve(stream);
        else reject(noSftp(error));
      });
    });
  });
}

function openForward(client: Client, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    ifConnected(reject, () => {
      client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
        if (error === undefined) return resolve(stream);
        reject(
          new CoffreError('BACKEND_IO', `the jump host does not reach ${host}:${port}: ${messageOf(error)}`, {
            cause: error,
          }),
        );
      });
    });
  });
}

/** The client throws when it is asked after its connection ended. */
function ifConnected(reject: (error: Error) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    reject(connectionLost(messageOf(error)));
  }
}

function noSftp(error: Error): CoffreError {
  return new CoffreError('BACKEND_IO', `the server opens no SFTP session: ${messageOf(error)}`, {
    cause: error,
    retryable: true,
    hint: 'Check that SFTP is switched on there (`Subsystem sftp internal-sftp` in sshd_config).',
  });
}

/** Those may pass by themselves, however they came about; others only once the server has been reached before. */
const passingCodes = new Set(['ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN']);

function connectError(thrown: unknown, { target, again }: ConnectOptions, identities: Identities): CoffreError {
  if (isCoffreError(thrown)) return thrown;
  const error: Error & { level?: unknown; code?: unknown } = asError(thrown);
  const place = `${target.user}@${target.hostName}:${target.port}`;
  if (error.level === 'client-authentication' || /authentication/i.test(error.message)) {
    return loginRefused(place, identities, error);
  }
  const passing =
    passingCodes.has(String(error.code)) || error.level === 'client-timeout' || error.level === 'protocol';
  return new CoffreError('BACKEND_IO', `connecting to ${place} failed: ${error.message}`, {
    cause: error,
    retryable: again || passing,
    hint: 'Check the address and the port, and that the server runs and can be reached from here.',
  });
}

function loginRefused(place: string, { tried, passedOver }: Identities, cause: Error): CoffreError {
  const what =
    tried.length === 0 ? 'no key was found to log in with' : `none of these keys is accepted: ${tried.join(', ')}`;
  const others = passedOver.length === 0 ? '' : ` (${passedOver.join('; ')})`;
  return new CoffreError('BACKEND_DENIED', `logging in to ${place} failed: ${what}${others}`, {
    cause,
    hint: 'Load the key into the agent (`ssh-add FILE`), or name it with IdentityFile in ~/.ssh/config or `-o sftp.args="-i FILE"`.',
  });
}

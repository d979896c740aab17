import type { Readable, Writable } from 'node:stream';
import { CoffreError, asError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import {
  createReader,
  decodeReply,
  decodeVersion,
  encodeInit,
  encodeRequest,
  encodeWrite,
  notSftp,
  packetBytesMax,
} from './sftp-packets.ts';
import type { Reply, RequestType } from './sftp-packets.ts';

/** Bytes to and from an SFTP server: a channel of an SSH connection, or the pipes of a command. */
export type SftpChannel = {
  readonly readable: Readable;
  readonly writable: Writable;
  /** Resolves when it has ended, to why in words when that is known. Errors of the streams end it too. */
  readonly ended: Promise<string | undefined>;
  destroy(): void;
};

export type SftpSession = {
  /** What the server announced, such as `posix-rename@openssh.com`. */
  readonly extensions: ReadonlyMap<string, string>;
  /** What the server takes in one request. */
  readonly pieceBytes: { readonly read: number; readonly write: number };
  /** Requests that have no answer yet. */
  readonly waiting: number;
  readonly ended: boolean;
  request(type: RequestType, fields: Parameters<typeof encodeRequest>[2]): Promise<Reply>;
  /** A WRITE; `fill` puts the bytes into the packet. */
  write(handle: Buffer, offset: number, length: number, fill: (into: Buffer) => void): Promise<Reply>;
  close(): void;
};

export type SessionOptions = {
  readonly clock: Clock;
  /** With a request open and nothing heard for so long, the session counts as lost. */
  readonly stuckTimeoutMs: number;
  readonly ended?: () => void;
};

type Waiting = { resolve(reply: Reply): void; reject(error: Error): void };

/** Begins to speak SFTP. Requests may be sent without waiting for earlier answers; a lost session rejects all of them. */
export async function openSftpSession(channel: SftpChannel, options: SessionOptions): Promise<SftpSession> {
  const waiting = new Map<number, Waiting>();
  const hello = settleable<ReadonlyMap<string, string>>();
  const watch = createSilenceWatch(options, () => waiting.size > 0 || !hello.settled, fail);
  let lost: Error | undefined;
  let idLast = 0;

  function fail(error: Error): void {
    if (lost !== undefined) return;
    lost = error;
    watch.stop();
    channel.destroy();
    hello.reject(error);
    for (const asked of waiting.values()) asked.reject(error);
    waiting.clear();
    options.ended?.();
  }

  function receive(packet: Buffer): void {
    if (!hello.settled) return hello.resolve(decodeVersion(packet));
    const { id, reply } = decodeReply(packet);
    const asked = waiting.get(id);
    if (asked === undefined) throw notSftp('it answered what nobody asked');
    waiting.delete(id);
    asked.resolve(reply);
  }

  function send(encode: (id: number) => Buffer): Promise<Reply> {
    if (lost !== undefined) return Promise.reject(lost);
    idLast = (idLast + 1) >>> 0;
    const id = idLast;
    // What was silent because nothing was asked begins anew.
    if (waiting.size === 0) watch.heard();
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      watch.begin();
      channel.writable.write(encode(id));
    });
  }

  const assemble = createAssembler(receive);
  channel.readable.on('data', (bytes: Buffer) => {
    watch.heard();
    try {
      assemble(bytes);
    } catch (error) {
      fail(asError(error));
    }
  });
  channel.ended.then((reason) => fail(connectionLost(reason))).catch(() => undefined);

  watch.begin();
  channel.writable.write(encodeInit());
  const extensions = await hello.promise;
  const pieceBytes = await askPieceBytes(extensions, () => send((id) => encodeRequest('extended', id, [limits])));

  return {
    extensions,
    pieceBytes,
    get waiting() {
      return waiting.size;
    },
    get ended() {
      return lost !== undefined;
    },
    request: (type, fields) => send((id) => encodeRequest(type, id, fields)),
    write: (handle, offset, length, fill) => send((id) => encodeWrite(id, handle, offset, length, fill)),
    close: () => fail(connectionLost('it was closed')),
  };
}

const limits = 'limits@openssh.com';
/** Every server takes so much. */
const pieceBytesUsual = 32 * 1024;
/** What OpenSSH allows; a third of the work is saved beside the usual size. */
const pieceBytesMax = 255 * 1024;

async function askPieceBytes(
  extensions: ReadonlyMap<string, string>,
  ask: () => Promise<Reply>,
): Promise<SftpSession['pieceBytes']> {
  const reply = extensions.has(limits) ? await ask() : undefined;
  if (reply?.kind !== 'extended') return { read: pieceBytesUsual, write: pieceBytesUsual };
  const reader = createReader(reply.payload);
  reader.uint64();
  const [read = 0, write = 0] = [reader.uint64(), reader.uint64()].map((allowedBytes) =>
    // 0: the server does not tell.
    allowedBytes === 0 ? pieceBytesUsual : Math.min(allowedBytes, pieceBytesMax),
  );
  return { read, write };
}

export function connectionLost(reason: string | undefined): CoffreError {
  return new CoffreError('BACKEND_IO', `the connection was lost${reason === undefined ? '' : `: ${reason}`}`, {
    retryable: true,
    hint: 'Check the network and the server, then run the command again.',
  });
}

/** Cuts the stream of bytes into packets; one packet is in memory. */
function createAssembler(receive: (packet: Buffer) => void): (bytes: Buffer) => void {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wanted = 4;
  let inLength = true;

  function step(bytes: Buffer): void {
    if (!inLength) {
      wanted = 4;
      inLength = true;
      return receive(bytes);
    }
    wanted = bytes.readUInt32BE(0);
    if (wanted < 5 || wanted > packetBytesMax) throw notSftp(`it announced a packet of ${wanted} bytes`);
    inLength = false;
  }

  return (bytes) => {
    let rest = bytes;
    while (pendingBytes + rest.byteLength >= wanted) {
      const part = rest.subarray(0, wanted - pendingBytes);
      rest = rest.subarray(part.byteLength);
      const whole = pending.length === 0 ? part : Buffer.concat([...pending, part]);
      pending = [];
      pendingBytes = 0;
      step(whole);
    }
    if (rest.byteLength === 0) return;
    pending.push(rest);
    pendingBytes += rest.byteLength;
  };
}

/** Ends a session whose server is silent although something is asked of it. */
function createSilenceWatch(options: SessionOptions, isWaiting: () => boolean, fail: (error: Error) => void) {
  const { clock, stuckTimeoutMs } = options;
  const stopped = new AbortController();
  let heardMs = clock.monotonicMs();
  let watching = false;

  async function watchOn(): Promise<void> {
    while (!stopped.signal.aborted && isWaiting()) {
      const leftMs = heardMs + stuckTimeoutMs - clock.monotonicMs();
      if (leftMs <= 0) {
        return fail(connectionLost(`the server did not answer for ${Math.round(stuckTimeoutMs / 100) / 10} s`));
      }
      await clock.sleep(leftMs, stopped.signal);
    }
  }

  return {
    begin() {
      if (watching) return;
      watching = true;
      heardMs = clock.monotonicMs();
      // Sleep is cut short only by stop, when nobody needs the watch any more.
      watchOn()
        .catch(() => undefined)
        .finally(() => (watching = false));
    },
    heard() {
      heardMs = clock.monotonicMs();
    },
    stop: () => stopped.abort(),
  };
}

function settleable<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => undefined);
  const state = {
    promise,
    settled: false,
    resolve(value: T) {
      state.settled = true;
      resolve(value);
    },
    reject(error: Error) {
      state.settled = true;
      reject(error);
    },
  };
  return state;
}

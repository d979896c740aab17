/**
 * A socket between a dump program and its server, for three things that the programs cannot do themselves: to say when
 * the transaction of the dump has begun, to hold several dumps there until the turn of each has come, and to let the
 * server wait longer than a minute for a reader that is slow. It also speaks TLS to the server, so that all programs of
 * all versions are started alike; on this side it is a socket in a private folder.
 *
 * Packets: length (3 bytes, little endian), sequence number (1), payload. A command of the client has the number 0. The
 * answer to START TRANSACTION is known to be there when the next command comes: programs ask one thing after the other.
 */
import { connect as connectPlain, createServer, isIP, type Server, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { CoffreError, messageOf } from '@coffre/repository';
import type { MysqlAddress } from './settings.ts';

export type Relay = AsyncDisposable & {
  /** Path for the program. */
  readonly socket: string;
  /** Its transaction has begun; from then on it waits for `release`. Rejects when the connection ends before. */
  readonly begun: Promise<void>;
  release(): void;
};

const commandQuery = 0x03;
const capabilityTls = 0x0800;
/** A reader of the backup may be slow, a waiting dump has nothing to say, and both are right. */
const patience =
  'SET SESSION wait_timeout=604800, net_write_timeout=86400, net_read_timeout=86400' +
  ' /*M!100300 , idle_transaction_timeout=0, idle_readonly_transaction_timeout=0 */';

export async function openRelay(path: string, address: MysqlAddress): Promise<Relay> {
  const listener = createServer();
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(path, resolve);
  });
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const { begun, close } = serveOne(listener, address, released);
  begun.catch(() => undefined);
  return {
    socket: path,
    begun,
    release,
    [Symbol.asyncDispose]: async () => {
      release();
      close();
      listener.close();
    },
  };
}

function serveOne(
  listener: Server,
  address: MysqlAddress,
  released: Promise<void>,
): { begun: Promise<void>; close: () => void } {
  const sockets = new Set<Socket>();
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const begun = new Promise<void>((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void => {
      close();
      reject(new CoffreError('SOURCE_UNREACHABLE', `the dump could not begin: ${why}`, { cause }));
    };
    listener.once('connection', (client) => {
      listener.close();
      const server = 'socket' in address.place ? connectPlain(address.place.socket) : connectPlain(address.place);
      for (const socket of [client, server]) {
        sockets.add(socket);
        socket.on('error', (error) => fail(messageOf(error), error));
      }
      server.setNoDelay(true);
      const talk = new Conversation(client, server, address, {
        begun: resolve,
        released,
        track: (s) => sockets.add(s),
      });
      talk.start();
      client.once('close', () => fail('the program ended'));
    });
  });
  return { begun, close };
}

type Hooks = {
  readonly begun: () => void;
  readonly released: Promise<void>;
  readonly track: (socket: Socket) => void;
};

class Conversation {
  readonly #client: Socket;
  #server: Socket;
  readonly #address: MysqlAddress;
  readonly #hooks: Hooks;
  readonly #fromServer = new PacketCutter();
  readonly #fromClient = new PacketCutter();
  /** Packets that our own TLS request put before those of the client. */
  #shift = 0;
  #isTls = false;
  #state: 'greeting' | 'login' | 'commands' | 'transaction' | 'patience' | 'open' = 'greeting';
  #held: Buffer = Buffer.alloc(0);

  constructor(client: Socket, server: Socket, address: MysqlAddress, hooks: Hooks) {
    this.#client = client;
    this.#server = server;
    this.#address = address;
    this.#hooks = hooks;
  }

  start(): void {
    this.#listenToServer();
    this.#client.on('data', (bytes: Buffer) => this.#hearClient(bytes));
    this.#client.on('drain', () => this.#server.resume());
    this.#client.on('end', () => this.#server.end());
  }

  #listenToServer(): void {
    const server = this.#server;
    server.on('data', (bytes: Buffer) => this.#hearServer(bytes));
    server.on('end', () => this.#client.end());
    server.on('close', () => this.#client.end());
  }

  #hearServer(bytes: Buffer): void {
    if (this.#state === 'open' || this.#state === 'commands' || this.#state === 'transaction') {
      if (!this.#client.write(bytes)) this.#server.pause();
      return;
    }
    for (const packet of this.#fromServer.cut(bytes)) {
      if (this.#state === 'greeting') this.#greet(packet);
      else if (this.#state === 'patience') this.#hold();
      else {
        packet[3] = (packet[3]! - this.#shift) & 0xff;
        this.#client.write(packet);
      }
    }
  }

  /** Protocol version, server version and NUL, thread (4), salt (8), filler, capabilities. */
  #greet(packet: Buffer): void {
    this.#state = 'login';
    if (packet[4] === 10) {
      const at = packet.indexOf(0, 5) + 1 + 4 + 8 + 1;
      const capabilities = packet.readUInt16LE(at);
      const hasTls = (capabilities & capabilityTls) !== 0;
      const { tls, place } = this.#address;
      this.#isTls = tls !== 'off' && !('socket' in place) && (hasTls || tls !== 'prefer');
      packet.writeUInt16LE(capabilities & ~capabilityTls, at);
    }
    this.#client.write(packet);
  }

  #hearClient(bytes: Buffer): void {
    if (this.#state === 'open') {
      this.#server.write(bytes);
      return;
    }
    for (const packet of this.#fromClient.cut(bytes)) this.#hearCommand(packet);
  }

  #hearCommand(packet: Buffer): void {
    const isCommand = packet[3] === 0;
    if (!isCommand) {
      if (this.#isTls && this.#shift === 0) this.#encrypt(packet);
      else {
        packet[3] = (packet[3]! + this.#shift) & 0xff;
        this.#server.write(packet);
      }
      return;
    }
    if (this.#state === 'transaction') {
      this.#state = 'patience';
      this.#held = packet;
      this.#server.write(queryPacket(patience));
      return;
    }
    this.#state =
      packet[4] === commandQuery && packet.toString('latin1', 5, 22) === 'START TRANSACTION'
        ? 'transaction'
        : 'commands';
    this.#server.write(packet);
  }

  /** The login again, behind a request for TLS: its first 32 bytes, with the capability set. */
  #encrypt(login: Buffer): void {
    login.writeUInt32LE((login.readUInt32LE(4) | capabilityTls) >>> 0, 4);
    const request = Buffer.concat([Buffer.from([32, 0, 0, login[3]!]), login.subarray(4, 36)]);
    this.#shift = 1;
    login[3] = login[3]! + 1;
    const plain = this.#server;
    plain.write(request);
    plain.removeAllListeners('data');
    const { place, tls, caFile } = this.#address;
    const host = 'host' in place ? place.host : '';
    const secure = connectTls({
      socket: plain,
      rejectUnauthorized: tls === 'verify',
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
      ...(tls === 'verify' ? { host } : { checkServerIdentity: () => undefined }),
    });
    this.#hooks.track(secure);
    secure.on('error', (error) => this.#client.destroy(error));
    this.#server = secure;
    this.#listenToServer();
    secure.write(login);
  }

  /** The transaction has begun, and our own question was answered. */
  #hold(): void {
    this.#hooks.begun();
    void this.#hooks.released.then(() => {
      this.#state = 'open';
      this.#server.write(this.#held);
    });
  }
}

function queryPacket(sql: string): Buffer {
  const body = Buffer.from(`\u0003${sql}`);
  return Buffer.concat([Buffer.from([body.byteLength & 0xff, body.byteLength >> 8, 0, 0]), body]);
}

/** Whole packets out of pieces; only small ones come by here. */
class PacketCutter {
  #rest: Buffer = Buffer.alloc(0);

  cut(bytes: Buffer): Buffer[] {
    let rest = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const packets: Buffer[] = [];
    while (rest.byteLength >= 4) {
      const end = 4 + rest.readUIntLE(0, 3);
      if (rest.byteLength < end) break;
      packets.push(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return packets;
  }
}

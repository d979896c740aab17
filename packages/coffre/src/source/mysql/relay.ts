/**
 * A socket between a dump program and its server, for three things that the programs cannot do themselves: to begin the
 * transactions of several dumps at a moment that we choose, to hold each dump there until its turn has come, and to let
 * the server wait longer than a minute for a reader that is slow. It also speaks TLS to the server, so that all programs of
 * all versions are started alike; on this side it is a socket in a private folder.
 *
 * Packets: length (3 bytes, little endian), sequence number (1), payload. A command of the client has the number 0. The
 * answer to START TRANSACTION is known to be there when the next command comes: programs ask one thing after the other.
 */
import { connect as connectPlain, createServer, isIP, type Server, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { CoffreError, messageOf } from '@coffre/repository';
import type { Asking } from './dump-questions.ts';
import type { MysqlAddress } from './settings.ts';

export type Relay = AsyncDisposable & {
  /** Path for the program. */
  readonly socket: string;
  /** The program is about to begin its transaction, and waits for `begin`. Rejects when it ends before. */
  readonly ready: Promise<void>;
  begin(): void;
  /** Its transaction has begun; from then on it waits for `release`. Rejects when it ends before. */
  readonly begun: Promise<void>;
  release(): void;
};

const commandQuery = 0x03;
const capabilityTls = 0x0800;
/** Commands of MySQL 8 would begin with parameters, in front of their text. */
const capabilityAttributes = 0x0800_0000;
/** What a server sends that wants the password itself. */
const wantsPassword = Buffer.from([1, 4]);
/** A reader of the backup may be slow, a waiting dump has nothing to say, and both are right. */
const patience =
  'SET SESSION wait_timeout=604800, net_write_timeout=86400, net_read_timeout=86400' +
  ' /*M!100300 , idle_transaction_timeout=0, idle_readonly_transaction_timeout=0 */';

export async function openRelay(path: string, address: MysqlAddress, asking?: Asking): Promise<Relay> {
  const listener = createServer();
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(path, resolve);
  });
  const [ready, begin, begun, release] = [gate(), gate(), gate(), gate()];
  const close = serveOne(listener, address, { ready, begin, begun, release }, asking);
  return {
    socket: path,
    ready: ready.passed,
    begin: begin.open,
    begun: begun.passed,
    release: release.open,
    [Symbol.asyncDispose]: async () => {
      close();
      listener.close();
    },
  };
}

type Gate = {
  readonly passed: Promise<void>;
  readonly open: () => void;
  readonly fail: (error: Error) => void;
};

function gate(): Gate {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  return { passed: promise, open: resolve, fail: reject };
}

type Gates = { readonly ready: Gate; readonly begin: Gate; readonly begun: Gate; readonly release: Gate };

/** @returns ends it all */
function serveOne(listener: Server, address: MysqlAddress, gates: Gates, asking: Asking | undefined): () => void {
  const sockets = new Set<Socket>();
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const fail = (why: string, cause?: unknown): void => {
    close();
    const error = new CoffreError('SOURCE_UNREACHABLE', `the dump could not begin: ${why}`, { cause });
    gates.ready.fail(error);
    gates.begun.fail(error);
  };
  listener.once('connection', (client) => {
    listener.close();
    const server = 'socket' in address.place ? connectPlain(address.place.socket) : connectPlain(address.place);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', (error) => fail(messageOf(error), error));
    }
    server.setNoDelay(true);
    new Conversation(client, server, address, gates, asking, (socket) => void sockets.add(socket)).start();
    client.once('close', () => fail('the program ended'));
  });
  return close;
}

class Conversation {
  readonly #client: Socket;
  #server: Socket;
  readonly #address: MysqlAddress;
  readonly #gates: Gates;
  readonly #asking: Asking | undefined;
  readonly #track: (socket: Socket) => void;
  readonly #fromServer = new PacketCutter();
  readonly #fromClient = new PacketCutter();
  /** Packets that our own TLS request put before those of the client. */
  #shift = 0;
  #isTls = false;
  #hasLogin = false;
  #state: 'greeting' | 'login' | 'commands' | 'patience' | 'transaction' | 'open' = 'greeting';
  #held: Buffer = Buffer.alloc(0);

  constructor(
    client: Socket,
    server: Socket,
    address: MysqlAddress,
    gates: Gates,
    asking: Asking | undefined,
    track: (socket: Socket) => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#address = address;
    this.#gates = gates;
    this.#asking = asking;
    this.#track = track;
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
      else if (this.#state === 'patience') this.#waitToBegin();
      else this.#answerLogin(packet);
    }
  }

  /** Protocol version, server version and NUL, thread (4), salt (8), filler, capabilities, charset, status (2), more of them. */
  #greet(packet: Buffer): void {
    this.#state = 'login';
    if (packet[4] === 10) {
      const at = packet.indexOf(0, 5) + 1 + 4 + 8 + 1;
      const capabilities = packet.readUInt16LE(at);
      const hasTls = (capabilities & capabilityTls) !== 0;
      const { tls, place } = this.#address;
      this.#isTls = tls !== 'off' && !('socket' in place) && (hasTls || tls !== 'prefer');
      packet.writeUInt16LE(capabilities & ~capabilityTls, at);
      if (packet.byteLength >= at + 7)
        packet.writeUInt16LE(packet.readUInt16LE(at + 5) & ~(capabilityAttributes >>> 16), at + 5);
    }
    this.#client.write(packet);
  }

  /** The program thinks that nobody listens on its socket: over a bare network it would send its password as it is. */
  #answerLogin(packet: Buffer): void {
    if (wantsPassword.equals(packet.subarray(4)) && !this.#isTls && 'host' in this.#address.place) {
      this.#client.destroy(new Error('the server wants the password itself, and the connection is not encrypted'));
      return;
    }
    packet[3] = (packet[3]! - this.#shift) & 0xff;
    this.#client.write(packet);
  }

  #hearClient(bytes: Buffer): void {
    if (this.#state === 'open' && this.#asking === undefined) {
      this.#server.write(bytes);
      return;
    }
    for (const packet of this.#fromClient.cut(bytes)) this.#hearCommand(packet);
  }

  #hearCommand(packet: Buffer): void {
    const isCommand = packet[3] === 0;
    if (!isCommand) {
      if (!this.#hasLogin) {
        this.#hasLogin = true;
        // Programs say that they can, whatever the server says.
        packet.writeUInt32LE((packet.readUInt32LE(4) & ~capabilityAttributes) >>> 0, 4);
      }
      if (this.#isTls && this.#shift === 0) this.#encrypt(packet);
      else {
        packet[3] = (packet[3]! + this.#shift) & 0xff;
        this.#server.write(packet);
      }
      return;
    }
    if (this.#state === 'open') this.#server.write(this.#asRight(packet));
    else if (this.#state === 'transaction') this.#waitForTurn(packet);
    else if (isBeginning(packet)) {
      this.#state = 'patience';
      this.#held = packet;
      this.#server.write(queryPacket(patience));
    } else {
      this.#state = 'commands';
      this.#server.write(packet);
    }
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
    this.#track(secure);
    secure.on('error', (error) => this.#client.destroy(error));
    this.#server = secure;
    this.#listenToServer();
    secure.write(login);
  }

  /** Our own question was answered. */
  #waitToBegin(): void {
    this.#gates.ready.open();
    void this.#gates.begin.passed.then(() => {
      this.#state = 'transaction';
      this.#server.write(this.#held);
    });
  }

  /** The transaction has begun: this is the next command. */
  #waitForTurn(packet: Buffer): void {
    this.#gates.begun.open();
    void this.#gates.release.passed.then(() => {
      this.#state = 'open';
      this.#server.write(this.#asRight(packet));
    });
  }

  #asRight(packet: Buffer): Buffer {
    if (packet[4] !== commandQuery) return packet;
    const other = this.#asking?.(packet.toString('latin1', 5));
    return other === undefined ? packet : queryPacket(other);
  }
}

function isBeginning(packet: Buffer): boolean {
  return packet[4] === commandQuery && packet.toString('latin1', 5, 22) === 'START TRANSACTION';
}

/** @param sql each character one byte */
function queryPacket(sql: string): Buffer {
  const body = Buffer.from(`\u0003${sql}`, 'latin1');
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.byteLength, 0, 3);
  return Buffer.concat([head, body]);
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

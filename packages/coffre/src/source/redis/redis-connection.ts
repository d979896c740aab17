/**
 * A connection to a Redis server, as far as backups need it: commands and their replies (RESP 2), and the stream of an RDB
 * file that a server sends to a new replica. The password is never anywhere but in this process and on the wire.
 */
import { readFileSync } from 'node:fs';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { CoffreError, messageOf } from '@coffre/repository';

export type RedisAddress = {
  readonly place:
    | { readonly kind: 'socket'; readonly path: string }
    | { readonly kind: 'host'; readonly host: string; readonly port: number };
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Undefined: no encryption. */
  readonly tls: { readonly verifies: boolean; readonly caFile: string | undefined } | undefined;
};

export type Reply = null | number | string | Buffer | readonly Reply[];
export type Words = readonly (string | Buffer)[];

/** A server that says nothing for this long is gone; during a fork it sends a byte every second. */
const silenceMsMax = 60_000;
const openMsMax = 20_000;
const lineBytesMax = 64 * 1024;
const markBytes = 40;

export function describeAddress({ place }: RedisAddress): string {
  return place.kind === 'socket' ? place.path : `${place.host}:${place.port}`;
}

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_DENIED */
export async function connectRedis(address: RedisAddress, signal: AbortSignal): Promise<RedisConnection> {
  const connection = new RedisConnection(address, signal);
  try {
    await connection.opened();
    if (address.password !== undefined) {
      const user = address.user === undefined ? [] : [address.user];
      await connection.ask(['AUTH', ...user, address.password]);
    }
    await connection.ask(['PING']);
    return connection;
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

export class RedisConnection implements Disposable {
  readonly #name: string;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #parts: AsyncIterator<Buffer, unknown>;
  readonly #stop = (): void => void this.#socket.destroy();
  #buffer: Buffer = Buffer.alloc(0);

  constructor(address: RedisAddress, signal: AbortSignal) {
    this.#name = describeAddress(address);
    this.#socket = socketTo(address);
    // Whoever reads or writes next is told by the iterator.
    this.#socket.on('error', () => undefined);
    this.#parts = (this.#socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#signal = signal;
    signal.addEventListener('abort', this.#stop);
    if (signal.aborted) this.#stop();
  }

  /** Connected, and with TLS sure of whom: nothing is sent before. */
  async opened(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(new Error('it takes no connection')), openMsMax);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#socket.once(this.#socket instanceof TLSSocket ? 'secureConnect' : 'connect', resolve);
        this.#socket.once('error', reject);
        this.#socket.once('close', () => reject(new Error('it closed the connection')));
      });
    } catch (error) {
      throw this.#lost(error);
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#stop);
    this.#stop();
  }

  /** @throws {CoffreError} what the server replied, when that is an error */
  async ask(words: Words): Promise<Reply> {
    await this.#write(encode(words));
    return await this.#reply(words);
  }

  async askText(words: Words): Promise<string> {
    const reply = await this.ask(words);
    return Buffer.isBuffer(reply) ? reply.toString('utf8') : String(reply);
  }

  /** Sends all, then takes all replies: few enough that neither side waits for the other. */
  async askAll(commands: readonly Words[]): Promise<Reply[]> {
    await this.#write(Buffer.concat(commands.map(encode)));
    const replies: Reply[] = [];
    for (const words of commands) replies.push(await this.#reply(words));
    return replies;
  }

  /**
   * The whole data set at one moment, as the server gives it to replicas. Nothing can be asked afterwards.
   * @param version its own: to a replica that names none, Valkey 9 sends an older format, or fails when that cannot hold it
   */
  async *synchronise(version: string): AsyncGenerator<Uint8Array> {
    // Without a file on its disk, and without what is written meanwhile; no server knows all of these.
    for (const words of [
      ['REPLCONF', 'capa', 'eof'],
      ['REPLCONF', 'version', version],
      ['REPLCONF', 'rdb-only', '1'],
    ]) {
      await this.ask(words).catch((error: unknown) => {
        if (!(error instanceof RedisReplyError)) throw error;
      });
    }
    await this.#write(encode(['SYNC']));
    const announced = await this.#announcement();
    if (typeof announced === 'number') yield* this.#exactly(announced);
    else yield* this.#until(announced);
  }

  /** How the end is told: by a number of bytes, or by a mark. */
  async #announcement(): Promise<number | Buffer> {
    for (;;) {
      const line = (await this.#line()).toString('latin1');
      // As long as the server prepares.
      if (line === '') continue;
      if (line.startsWith('-')) throw refusal(this.#name, ['SYNC'], line.slice(1));
      if (/^\$EOF:.{40}$/.test(line)) return Buffer.from(line.slice(5), 'latin1');
      if (/^\$\d+$/.test(line)) return Number(line.slice(1));
      throw this.#nonsense();
    }
  }

  async *#exactly(count: number): AsyncGenerator<Uint8Array> {
    let left = count;
    while (left > 0) {
      if (this.#buffer.length === 0) await this.#more();
      const part = this.#buffer.subarray(0, left);
      this.#buffer = this.#buffer.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async *#until(mark: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#buffer.length > markBytes) {
        const part = this.#buffer.subarray(0, this.#buffer.length - markBytes);
        this.#buffer = this.#buffer.subarray(part.length);
        yield part;
      }
      if (this.#buffer.equals(mark)) return;
      await this.#more();
    }
  }

  async #reply(words: Words): Promise<Reply> {
    const line = (await this.#line()).toString('utf8');
    const rest = line.slice(1);
    switch (line.slice(0, 1)) {
      case '+':
        return rest;
      case ':':
        return Number(rest);
      case '-':
        throw refusal(this.#name, words, rest);
      case '$': {
        const size = Number(rest);
        if (size < 0) return null;
        while (this.#buffer.length < size + 2) await this.#more();
        const bytes = Buffer.from(this.#buffer.subarray(0, size));
        this.#buffer = this.#buffer.subarray(size + 2);
        return bytes;
      }
      case '*': {
        const items: Reply[] = [];
        for (let left = Number(rest); left > 0; left -= 1) items.push(await this.#reply(words));
        return items;
      }
      default:
        throw this.#nonsense();
    }
  }

  async #line(): Promise<Buffer> {
    for (;;) {
      const end = this.#buffer.indexOf('\n');
      if (end >= 0) {
        const line = this.#buffer.subarray(0, this.#buffer[end - 1] === 0x0d ? end - 1 : end);
        this.#buffer = this.#buffer.subarray(end + 1);
        return line;
      }
      if (this.#buffer.length > lineBytesMax) throw this.#nonsense();
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    // Only while we wait: whoever takes the bytes may take his time.
    const timer = setTimeout(() => this.#socket.destroy(new Error('it says nothing')), silenceMsMax);
    try {
      const next: IteratorResult<Buffer, unknown> = await this.#parts.next();
      if (next.done === true) throw new Error('it closed the connection');
      this.#buffer = this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    } catch (error) {
      throw this.#lost(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error == null ? resolve() : reject(this.#lost(error))));
    });
  }

  #lost(cause: unknown): CoffreError {
    if (this.#signal.aborted) {
      const reason: unknown = this.#signal.reason;
      return reason instanceof CoffreError ? reason : new CoffreError('INTERRUPTED', 'stopped', { cause: reason });
    }
    return new CoffreError(
      'SOURCE_UNREACHABLE',
      `the Redis server at ${this.#name} does not answer: ${messageOf(cause)}`,
      {
        hint: 'Is it running, is the address right, and does a firewall or its `bind` keep this machine out?',
        retryable: true,
        cause,
      },
    );
  }

  #nonsense(): CoffreError {
    return new CoffreError('SOURCE_INVALID', `what answers at ${this.#name} does not speak as Redis does`, {
      hint: 'Check the port, and whether it expects TLS.',
    });
  }
}

/** What a server replied instead of doing it; its first word is a kind. */
export class RedisReplyError extends CoffreError {
  readonly reply: string;

  constructor(
    code: 'SOURCE_DENIED' | 'SOURCE_BUSY' | 'SOURCE_COMMAND_FAILED',
    name: string,
    said: string,
    hint: string,
  ) {
    super(code, `${name} ${said}`, { hint, retryable: code === 'SOURCE_BUSY' });
    this.reply = said;
  }
}

function refusal(name: string, words: Words, said: string): RedisReplyError {
  const verb = String(words[0]);
  const kind = said.split(' ', 1)[0] ?? '';
  if (kind === 'LOADING' || kind === 'BUSY' || kind === 'MASTERDOWN' || kind === 'NOMASTERLINK') {
    return new RedisReplyError('SOURCE_BUSY', name, `cannot answer yet: ${said}`, 'Try again when it is ready.');
  }
  if (kind === 'NOAUTH' || kind === 'WRONGPASS' || kind === 'NOPERM' || said.includes('invalid password')) {
    const hint =
      'Check user and password; a load takes those of the configured source. A backup needs: +ping +info +dbsize +select +config|get +sync +psync +replconf +function|list.';
    return new RedisReplyError('SOURCE_DENIED', name, `does not let us ${verb}: ${said}`, hint);
  }
  return new RedisReplyError(
    'SOURCE_COMMAND_FAILED',
    name,
    `refused ${verb}: ${said}`,
    'Look into the log of the server.',
  );
}

function socketTo({ place, tls }: RedisAddress): Socket {
  const where = place.kind === 'socket' ? { path: place.path } : { host: place.host, port: place.port };
  if (tls === undefined) return connectPlain({ ...where, noDelay: true });
  return connectTls({
    ...where,
    rejectUnauthorized: tls.verifies,
    ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) }),
    // An address has no name to be asked for; the certificate is compared with it all the same.
    ...(place.kind === 'host' && isIP(place.host) === 0 ? { servername: place.host } : {}),
  });
}

function encode(words: Words): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

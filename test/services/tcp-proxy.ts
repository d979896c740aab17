/** Between a client and a server on loopback: lets bytes through until it is told otherwise. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export type TcpProxy = AsyncDisposable & {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Resets each connection once it has carried so many bytes to the server; undefined for never. */
  cutAfter(bytes: number | undefined): void;
  /** Ends every connection, new ones too, once so many bytes have come from the server over all of them. */
  cutAnswersAfter(bytes: number | undefined): void;
  /** Nothing is let through any more, and nothing is closed. */
  hang(): void;
  /** What the server says is held back once so many bytes have come from it; undefined lets all of it through. */
  holdAnswersAfter(bytes: number | undefined): void;
};

/**
 * A client that goes is to the server the end of what it says. At its own end the proxy waits until the server has hung up,
 * which it does when it is done with the last thing that it was asked for.
 *
 * @param seen is told how many bytes were brought to the server so far, over all connections, and the last of them
 */
export async function startTcpProxy(
  target: number,
  seen?: (carried: number, piece: Buffer) => void,
): Promise<TcpProxy> {
  const clients = new Set<Socket>();
  const servers = new Set<Socket>();
  let holdBytes: number | undefined;
  let connections = 0;
  let cutBytes: number | undefined;
  let cutAnswersBytes: number | undefined;
  let answered = 0;
  let brought = 0;
  let hanging = false;

  const server = createServer((client) => {
    connections += 1;
    let carried = 0;
    const upstream = connect(target, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    clients.add(client);
    servers.add(upstream);
    client.setNoDelay(true).on('error', () => client.destroy());
    upstream.setNoDelay(true).on('error', end);
    client.once('close', () => {
      clients.delete(client);
      upstream.resume().end();
    });
    upstream.once('close', () => {
      servers.delete(upstream);
      client.destroy();
    });
    client.on('data', (bytes: Buffer) => {
      if (hanging) return;
      const left = cutBytes === undefined ? Infinity : cutBytes - carried;
      carried += bytes.byteLength;
      upstream.write(bytes.byteLength > left ? bytes.subarray(0, Math.max(0, left)) : bytes);
      seen?.((brought += bytes.byteLength), bytes);
      if (carried < (cutBytes ?? Infinity)) return;
      client.resetAndDestroy();
      upstream.end();
    });
    upstream.on('data', (bytes: Buffer) => {
      if (hanging) return;
      answered += bytes.byteLength;
      if (answered >= (cutAnswersBytes ?? Infinity)) return end();
      if (!client.destroyed) client.write(bytes);
      if (answered >= (holdBytes ?? Infinity) && !client.destroyed) upstream.pause();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    cutAfter: (bytes) => void (cutBytes = bytes),
    cutAnswersAfter: (bytes) => void (cutAnswersBytes = bytes),
    hang: () => void (hanging = true),
    holdAnswersAfter(bytes) {
      holdBytes = bytes;
      if (bytes === undefined) for (const upstream of servers) upstream.resume();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const client of clients) client.destroy();
      await Promise.all([...servers].map((upstream) => new Promise((resolve) => upstream.once('close', resolve))));
      await closed;
    },
  };
}

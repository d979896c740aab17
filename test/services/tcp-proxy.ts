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
};

/** @param seen is told how many bytes were brought to the server so far, over all connections, and the last of them */
export async function startTcpProxy(
  target: number,
  seen?: (carried: number, piece: Buffer) => void,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
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
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true).on('error', end).on('close', end);
    }
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
      if (answered < (cutAnswersBytes ?? Infinity)) client.write(bytes);
      else end();
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
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

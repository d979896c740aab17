import { createServer, type Server } from 'node:net';

/** Below those that the system gives to connections and to who asks for any port. */
const firstPort = 10_240;
const portsEach = 100;
const rangesMax = 220;

const candidates = ownPorts();

/**
 * A port of 127.0.0.1 that nobody listens on now, and that nobody else is given until it is used: test files run side by
 * side, and each process has a range of its own.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const { value: port } = await candidates.next();
    const server = await listenAt(port);
    if (server === undefined) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

/** A range is ours while we listen on its first port: the system lets one process do that. */
async function* ownPorts(): AsyncGenerator<number, never> {
  let range = process.pid % rangesMax;
  let claim: Server | undefined;
  while ((claim = await listenAt(firstPort + range * portsEach)) === undefined) range = (range + 1) % rangesMax;
  // It holds nobody up, and is closed by our end.
  claim.unref();
  for (let next = 0; ; next = (next + 1) % (portsEach - 1)) yield firstPort + range * portsEach + 1 + next;
}

async function listenAt(port: number): Promise<Server | undefined> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  return isListening ? server : undefined;
}

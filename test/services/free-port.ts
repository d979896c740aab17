import { createServer } from 'node:net';

/** Below those that the system gives to connections and to who asks for any port. */
const firstPort = 10_240;
const portsEach = 100;
const processesMax = 220;

const candidates = ownPorts(process.pid);

/**
 * A port of 127.0.0.1 that nobody listens on now, and that nobody else is given until it is used: test files run side by
 * side, and each process has a range of its own.
 */
export async function freePort(): Promise<number> {
  let { value: port } = candidates.next();
  while (!(await isFree(port))) ({ value: port } = candidates.next());
  return port;
}

function* ownPorts(pid: number): Generator<number, never> {
  const first = firstPort + (pid % processesMax) * portsEach;
  for (let next = 0; ; next += 1) yield first + (next % portsEach);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isListening) await new Promise<void>((resolve) => server.close(() => resolve()));
  return isListening;
}

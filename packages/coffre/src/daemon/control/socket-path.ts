/** Where the daemon listens: a socket in the state folder, which only its owner may enter. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

const socketName = 'serve.sock';
/** What fits into a socket address of every system, with the zero at its end. */
const pathBytesMax = 100;

export type SocketPath = Disposable & {
  /** For the call that listens or connects. */
  readonly path: string;
  /** Where it really is. */
  readonly file: string;
};

/** A path too long for a socket address is gone through an open handle of its folder, where the system knows that. */
export function socketPath(folder: string): SocketPath {
  const file = join(folder, socketName);
  if (Buffer.byteLength(file) <= pathBytesMax || process.platform !== 'linux') {
    return { path: file, file, [Symbol.dispose]: () => undefined };
  }
  const handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${handle}/${socketName}`, file, [Symbol.dispose]: () => closeSync(handle) };
}

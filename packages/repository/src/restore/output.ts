import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { CoffreError } from '../errors.ts';

/** For `DumpOptions.output`: waits while the stream is full, and fails when it does. */
export function outputTo(stream: Writable): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    if (stream.errored !== null) throw stream.errored;
    if (stream.destroyed) throw new CoffreError('INTERRUPTED', 'whoever was to take the output has gone');
    if (stream.write(bytes)) return;
    const stop = new AbortController();
    try {
      await Promise.race([once(stream, 'drain', stop), once(stream, 'close', stop)]);
    } finally {
      stop.abort();
    }
  };
}

/** Certificate and key from files, read again when they change: certificates live for weeks, servers for years. */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import { CoffreError, messageOf } from '@coffre/repository';
import type { Clock } from '@coffre/repository';

export type TlsFiles = AsyncDisposable & {
  context(): { readonly cert: Buffer; readonly key: Buffer };
  onChange(listener: () => void): void;
  /** Keeps what it has when the new files cannot be used. */
  reload(): Promise<void>;
};

export type TlsFileOptions = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  readonly say: (line: string) => void;
};

/** Certificate and key are renewed one after the other. */
const settleMs = 500;

/** @throws {CoffreError} USAGE when they cannot be read or do not belong together */
export async function openTlsFiles(options: TlsFileOptions): Promise<TlsFiles> {
  const { certFile, keyFile, clock, say } = options;
  let current = await readBoth(options);
  const listeners: (() => void)[] = [];
  let waiting: Promise<void> | undefined;

  async function reload(): Promise<void> {
    try {
      const fresh = await readBoth(options);
      if (fresh.cert.equals(current.cert) && fresh.key.equals(current.key)) return;
      current = fresh;
      for (const listener of listeners) listener();
      say('the certificate was read again');
    } catch (error) {
      say(`the old certificate stays: ${messageOf(error)}`);
    }
  }

  function reloadSoon(): void {
    waiting ??= clock.sleep(settleMs).then(() => {
      // What changes while the files are read wants to be read as well.
      waiting = undefined;
      return reload();
    });
  }

  // Renewals put another file, or another link, under the name: the folder sees that, the old file does not.
  const watchers: FSWatcher[] = [];
  for (const folder of new Set([dirname(certFile), dirname(keyFile)])) {
    try {
      const watcher = watch(folder, { persistent: false }, reloadSoon);
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch (error) {
      say(`a renewed certificate is read on SIGHUP only, ${folder} cannot be watched: ${messageOf(error)}`);
    }
  }

  return {
    context: () => current,
    onChange: (listener) => void listeners.push(listener),
    reload,
    async [Symbol.asyncDispose]() {
      for (const watcher of watchers) watcher.close();
      await waiting;
    },
  };
}

async function readBoth({ certFile, keyFile }: TlsFileOptions): Promise<{ cert: Buffer; key: Buffer }> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    throw new CoffreError('USAGE', `the certificate ${certFile} cannot be used: ${messageOf(error)}`, {
      cause: error,
      hint: 'Give a certificate in PEM, its chain behind it, with --tls-cert, and its key with --tls-key.',
    });
  }
}

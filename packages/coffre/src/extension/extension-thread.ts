/**
 * Starts the thread of an extension and follows it to its end. What the extension does wrong (throws in a callback, exits,
 * takes all memory, never comes back) ends the thread and nothing else.
 */
import { Worker } from 'node:worker_threads';
import { messageOf } from '@coffre/repository/opening';
import type { FromThread, ThreadFailure, ThreadSetup, ToThread } from './thread-messages.ts';

export type ThreadListener = (message: Exclude<FromThread, { readonly type: 'ended' }>) => void;

export type ExtensionThread = {
  send(message: ToThread): void;
  /** Asks it to end, and ends it when it does not in time. Further calls change nothing. */
  stop(): void;
  /** Never rejects. Undefined: it came back by itself, or was asked to. */
  readonly ended: Promise<ThreadFailure | undefined>;
};

/** @param variables beside those of the program; what the extension starts has them too */
export type StartThread = (
  setup: ThreadSetup,
  listener: ThreadListener,
  variables?: Readonly<Record<string, string>>,
) => ExtensionThread;

/** The file beside this one, compiled or not. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./extension-worker.${extension}`, import.meta.url);
}

const memoryMaxMb = 512;
const lineMax = 500;

/** @param graceMs from being asked to end to being ended */
export function extensionThreads({ graceMs }: { readonly graceMs: number }): StartThread {
  return (setup, listener, variables = {}) => {
    const worker = new Worker(workerFile(), {
      workerData: setup,
      env: { ...process.env, ...variables },
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMaxMb },
    });
    const ended = Promise.withResolvers<ThreadFailure | undefined>();
    let last: { readonly failure: ThreadFailure | undefined } | undefined;
    let isStopping = false;
    worker.on('message', (message: FromThread) => {
      if (message.type !== 'ended') return listener(message);
      last = message;
      // Timers and sockets that it left behind would keep the thread alive.
      void worker.terminate();
    });
    worker.once('error', (error) => {
      last ??= { failure: failed(`it broke: ${messageOf(error)}`) };
    });
    worker.once('exit', (code) => {
      last ??= { failure: isStopping ? undefined : failed(`its thread ended with exit code ${code}`) };
      ended.resolve(last.failure);
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\n', 20)) {
          if (line.trim() !== '') listener({ type: 'said', text: line.trim().slice(0, lineMax) });
        }
      });
    }
    const stop = (): void => {
      if (isStopping) return;
      isStopping = true;
      worker.postMessage({ type: 'stop' } satisfies ToThread);
      const late = setTimeout(() => void worker.terminate(), graceMs);
      worker.once('exit', () => clearTimeout(late));
    };
    return { send: (message) => worker.postMessage(message), stop, ended: ended.promise };
  };
}

function failed(message: string): ThreadFailure {
  return { message: message.replace(/\s+/g, ' ').trim().slice(0, lineMax), hint: undefined, isRetryable: true };
}

import { Worker } from 'node:worker_threads';
import { CoffreError, type ErrorCode } from '@coffre/repository';
import type { Inspection, LookDepth, SqliteCopy } from './sqlite-copy.ts';
import type { SqliteTruth } from './sqlite-truth.ts';

export type SqliteTask =
  | { readonly kind: 'copy'; readonly source: string; readonly target: string }
  | { readonly kind: 'inspect'; readonly path: string }
  | { readonly kind: 'look'; readonly path: string; readonly depth: LookDepth };

export type SqliteAnswer =
  | { readonly result: unknown }
  | { readonly code: ErrorCode | undefined; readonly message: string; readonly hint: string | undefined };

/** The file beside this one, compiled or not. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./sqlite-worker.${extension}`, import.meta.url);
}

/** @throws {CoffreError} with the words of `copyDatabase` */
export async function copyInThread(source: string, target: string, signal: AbortSignal): Promise<SqliteCopy> {
  return (await inThread({ kind: 'copy', source, target }, signal)) as SqliteCopy;
}

/** It throws what SQLite says when the file is no database. */
export async function inspectInThread(path: string, signal: AbortSignal): Promise<Inspection> {
  return (await inThread({ kind: 'inspect', path }, signal)) as Inspection;
}

/** At a database that others are writing. @throws {CoffreError} SOURCE_INVALID, SOURCE_BUSY */
export async function lookInThread(path: string, depth: LookDepth, signal: AbortSignal): Promise<SqliteTruth> {
  return (await inThread({ kind: 'look', path, depth }, signal)) as SqliteTruth;
}

async function inThread(task: SqliteTask, signal: AbortSignal): Promise<unknown> {
  const worker = new Worker(workerFile(), { workerData: task, stdin: false });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop);
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', (answer: SqliteAnswer) => {
        if ('result' in answer) resolve(answer.result);
        else reject(revived(answer));
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new CoffreError('INTERRUPTED', 'the work on a database was stopped')));
      if (signal.aborted) stop();
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

function revived({ code, message, hint }: Exclude<SqliteAnswer, { result: unknown }>): Error {
  if (code === undefined) return new Error(message);
  return new CoffreError(code, message, { ...(hint === undefined ? {} : { hint }), retryable: code === 'SOURCE_BUSY' });
}

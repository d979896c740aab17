/** A thread for work on databases, which is one long call each: locks of the repository are refreshed meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { isCoffreError, messageOf } from '@coffre/repository';
import { copyDatabase, inspectCopy, lookAt } from './sqlite-copy.ts';
import type { SqliteAnswer, SqliteTask } from './sqlite-thread.ts';

async function work(task: SqliteTask): Promise<unknown> {
  switch (task.kind) {
    case 'copy':
      return await copyDatabase(task.source, task.target);
    case 'inspect':
      return inspectCopy(task.path);
    case 'look':
      return lookAt(task.path, task.depth);
    default:
      return task satisfies never;
  }
}

async function answer(task: SqliteTask): Promise<SqliteAnswer> {
  try {
    return { result: await work(task) };
  } catch (error) {
    return isCoffreError(error)
      ? { code: error.code, message: error.message, hint: error.hint }
      : { code: undefined, message: messageOf(error), hint: undefined };
  }
}

parentPort?.postMessage(await answer(workerData as SqliteTask));

/** A thread for work on databases, which is one long call each: locks of the repository are refreshed meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { SqliteComplaint, textOf } from './sqlite-complaint.ts';
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
    return error instanceof SqliteComplaint
      ? { code: error.code, message: error.message, hint: error.hint }
      : { code: undefined, message: textOf(error), hint: undefined };
  }
}

parentPort?.postMessage(await answer(workerData as SqliteTask));

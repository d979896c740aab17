/** Entry of every worker thread: finds the task by name and answers. The protocol is described in `pool.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorFromWire, errorToWire, type WireError } from './pool.ts';
import type { TaskHandler, WorkerSetup } from './tasks.ts';

type Outgoing = { seq: number; task: string; payload: unknown; result?: unknown; error?: WireError };

const port = parentPort;
if (port !== null) serve(port, workerData as WorkerSetup);

function serve(door: NonNullable<typeof parentPort>, setup: WorkerSetup): void {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  let handlers: Promise<Record<string, TaskHandler>> | undefined;
  let events = 0;

  const ask = async (event: unknown, transfer: readonly ArrayBuffer[] = []): Promise<unknown> => {
    const seq = -1 - events++;
    const answer = new Promise((resolve, reject) => waiting.set(seq, { resolve, reject }));
    door.postMessage({ seq, event }, [...transfer]);
    return await answer;
  };

  door.on('message', (message: Outgoing) => {
    if (message.seq < 0) {
      const asked = waiting.get(message.seq);
      waiting.delete(message.seq);
      if (message.error === undefined) asked?.resolve(message.result);
      else asked?.reject(errorFromWire(message.error));
      return;
    }
    handlers ??= loadHandlers(setup, ask);
    void answerTask(door, handlers, message);
  });
}

async function answerTask(
  door: NonNullable<typeof parentPort>,
  handlers: Promise<Record<string, TaskHandler>>,
  message: Outgoing,
): Promise<void> {
  try {
    const handler = (await handlers)[message.task];
    if (handler === undefined) throw new Error(`no task is called ${message.task}`);
    const { result, transfer } = await handler(message.payload);
    door.postMessage({ seq: message.seq, result }, [...(transfer ?? [])]);
  } catch (error) {
    door.postMessage({ seq: message.seq, error: errorToWire(error) });
  }
}

/** Each kind of work is imported only by the threads that do it. */
async function loadHandlers(setup: WorkerSetup, ask: Ask): Promise<Record<string, TaskHandler>> {
  switch (setup.work) {
    case 'archive':
      return (await import('../archive/archive-tasks.ts')).archiveTasks(setup, ask);
    case 'check':
      return (await import('../maintain/check-tasks.ts')).checkTasks(setup, ask);
    case 'copy':
      return (await import('../maintain/copy/copy-tasks.ts')).copyTasks(setup, ask);
    case 'derive':
      return (await import('../deriving/derive-tasks.ts')).deriveTasks(setup);
    case 'open':
      return (await import('../restore/open-tasks.ts')).openTasks(setup, ask);
    case 'restore':
      return (await import('../restore/restore-tasks.ts')).restoreTasks(setup, ask);
    default:
      return setup satisfies never;
  }
}

type Ask = (event: unknown, transfer?: readonly ArrayBuffer[]) => Promise<unknown>;

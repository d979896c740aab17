/** Asks the daemon over its socket. */
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { CoffreError, errorCodes } from '@coffre/repository';
import type { ErrorCode } from '@coffre/repository';
import type { DaemonStatus, FollowMessage } from './control-view.ts';
import { socketPath } from './socket-path.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { request } = process.getBuiltinModule('node:http');

export type DaemonClient = {
  status(): Promise<DaemonStatus>;
  /** Runs the plan as soon as it may, and tells what it does. Who stops listening does not stop the run. */
  run(plan: string, signal?: AbortSignal): AsyncGenerator<FollowMessage, void>;
  /** Asks for a run and does not wait. */
  start(plan: string): Promise<void>;
  cancel(plan: string): Promise<{ readonly was: 'running' | 'waiting' }>;
  /** What a run that goes on has said and says. */
  log(plan: string): AsyncGenerator<FollowMessage, void>;
  reload(): Promise<{ readonly plans: number }>;
  refresh(): Promise<void>;
};

/** @returns undefined where no daemon listens. @throws {CoffreError} DAEMON_ABSENT when one is there and may not be asked */
export async function findDaemon(stateFolder: string): Promise<DaemonClient | undefined> {
  const client = daemonClient(stateFolder);
  try {
    await client.status();
    return client;
  } catch (error) {
    if (error instanceof CoffreError && error.code === 'DAEMON_ABSENT' && isNobody(error.cause)) return undefined;
    throw error;
  }
}

/** @throws {CoffreError} DAEMON_ABSENT */
export async function requireDaemon(stateFolder: string): Promise<DaemonClient> {
  const found = await findDaemon(stateFolder);
  if (found !== undefined) return found;
  throw new CoffreError('DAEMON_ABSENT', `no \`coffre serve\` answers in ${stateFolder}`, {
    hint: 'Start it with `coffre serve`. It must use the same state folder (COFFRE_STATE_DIR).',
  });
}

function isNobody(cause: unknown): boolean {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR';
}

function daemonClient(folder: string): DaemonClient {
  const post = async (path: string, body: object): Promise<unknown> => await whole(await ask(folder, path, body));
  return {
    status: async () => (await whole(await ask(folder, '/v1/status'))) as DaemonStatus,
    run: async function* (plan, signal) {
      yield* lines(await ask(folder, '/v1/run', { plan }, signal), folder);
    },
    start: async (plan) => void (await post('/v1/run', { plan, follow: false })),
    cancel: async (plan) => (await post('/v1/cancel', { plan })) as { was: 'running' | 'waiting' },
    log: async function* (plan) {
      yield* lines(await ask(folder, `/v1/log?plan=${encodeURIComponent(plan)}`), folder);
    },
    reload: async () => (await post('/v1/reload', {})) as { plans: number },
    refresh: async () => void (await post('/v1/refresh', {})),
  };
}

/** @throws {CoffreError} DAEMON_ABSENT, and what the daemon answers */
async function ask(folder: string, path: string, body?: object, signal?: AbortSignal): Promise<IncomingMessage> {
  const response = await connect(folder, path, body, signal).catch((cause: unknown) => {
    throw new CoffreError('DAEMON_ABSENT', `the \`coffre serve\` in ${folder} cannot be reached`, {
      hint: 'Is it running, and are you its user?',
      cause,
    });
  });
  if (response.statusCode === 200) return response;
  type Failure = { readonly code?: string; readonly message?: string; readonly hint?: string };
  // What HTTP itself refuses has no words of ours.
  const failure = (await whole(response).catch(() => ({}))) as Failure;
  const code =
    failure.code !== undefined && failure.code in errorCodes ? (failure.code as ErrorCode) : 'DAEMON_REFUSED';
  throw new CoffreError(code, failure.message ?? `the daemon refused it with status ${response.statusCode ?? 0}`, {
    ...(failure.hint !== undefined && { hint: failure.hint }),
  });
}

async function connect(
  folder: string,
  path: string,
  body: object | undefined,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  using place = socketPath(folder);
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request(
      { socketPath: place.path, path, method, agent: false, ...(signal !== undefined && { signal }) },
      resolve,
    );
    asked.once('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function whole(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
}

/** @throws {CoffreError} DAEMON_ABSENT when it ends before its answer does */
async function* lines(response: IncomingMessage, folder: string): AsyncGenerator<FollowMessage, void> {
  let failure: unknown;
  response.once('error', (error) => (failure = error));
  try {
    for await (const line of createInterface({ input: response })) {
      if (failure !== undefined) break;
      yield JSON.parse(line) as FollowMessage;
    }
    if (failure !== undefined || !response.complete) throw gone(folder, failure);
  } catch (error) {
    throw error === failure ? gone(folder, error) : error;
  } finally {
    response.destroy();
  }
}

function gone(folder: string, cause: unknown): CoffreError {
  return new CoffreError('DAEMON_ABSENT', `the \`coffre serve\` in ${folder} ended while it was listened to`, {
    hint: '`coffre status` and `coffre logs PLAN` say what became of the run.',
    cause,
  });
}

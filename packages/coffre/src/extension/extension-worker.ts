/** The thread in which the code of a trigger or a channel runs: whatever it does, the program goes on. */
import { parentPort, workerData } from 'node:worker_threads';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository/opening';
import type { AnyExtensionChannel, AnyExtensionTrigger } from './contract.ts';
import { extensionFor, extensionWords, namesBrought } from './load.ts';
import type { ExtensionPlaces } from './load.ts';
import type {
  FromThread,
  ThreadCheck,
  ThreadFailure,
  ThreadQuestion,
  ThreadSetup,
  ToThread,
} from './thread-messages.ts';

const port = parentPort!;
const setup = workerData as ThreadSetup;
const stop = new AbortController();
const lineMax = 500;
/** A trigger that fires in a tight loop says so a few times a second. */
const firePauseMs = 200;

const send = (message: FromThread): void => port.postMessage(message);

async function work(): Promise<void> {
  const { places, use, settings, task } = setup;
  switch (task.kind) {
    case 'check':
      for (const [index, question] of task.questions.entries()) {
        send({ type: 'checked', index, check: await checkOf(places, question) });
      }
      return;
    case 'trigger': {
      const trigger = await extensionFor(places, 'triggers', use);
      requireFunctions('triggers', use, trigger);
      return await watch(trigger, trigger.parseSettings(settings), task.plan);
    }
    case 'channel': {
      const channel = await extensionFor(places, 'channels', use);
      requireFunctions('channels', use, channel);
      return await serve(channel, channel.parseSettings(settings), task.channel);
    }
    default:
      return task satisfies never;
  }
}

async function watch(trigger: AnyExtensionTrigger, settings: unknown, plan: string): Promise<void> {
  port.on('message', ({ type }: ToThread) => {
    if (type === 'stop') stop.abort();
  });
  send({ type: 'ready' });
  const log = (sentence: string): void => send({ type: 'said', text: lineOf(sentence) });
  await trigger.watch(settings, { plan, signal: stop.signal, fire: createFire(), log });
}

/** The first of many at once, and when they are over once more. */
function createFire(): (reason?: string) => void {
  let isQuiet = true;
  let held: { readonly reason: string | undefined } | undefined;
  const fire = (reason?: unknown): void => {
    if (stop.signal.aborted) return;
    const said = reason === undefined ? undefined : lineOf(reason);
    if (!isQuiet) {
      held = { reason: said };
      return;
    }
    isQuiet = false;
    send({ type: 'fired', reason: said });
    setTimeout(() => {
      isQuiet = true;
      const last = held;
      held = undefined;
      if (last !== undefined) fire(last.reason);
    }, firePauseMs).unref();
  };
  return fire;
}

async function serve(channel: AnyExtensionChannel, settings: unknown, name: string): Promise<void> {
  const over = Promise.withResolvers<void>();
  port.on('message', (message: ToThread) => {
    if (message.type === 'stop') return over.resolve();
    void deliver(channel, settings, name, message);
  });
  send({ type: 'ready' });
  await over.promise;
}

async function deliver(
  channel: AnyExtensionChannel,
  settings: unknown,
  name: string,
  { notice, timeoutMs }: Extract<ToThread, { type: 'deliver' }>,
): Promise<void> {
  const { id } = notice;
  try {
    await channel.deliver(notice, settings, { channel: name, signal: AbortSignal.timeout(timeoutMs) });
    send({ type: 'delivered', id });
  } catch (error) {
    send({ type: 'refused', id, failure: failureOf(error) });
  }
}

async function checkOf(places: ExtensionPlaces, { kind, use, settings }: ThreadQuestion): Promise<ThreadCheck> {
  let known: readonly string[];
  try {
    known = await namesBrought(places, kind);
  } catch (error) {
    const { message: problem, hint } = failureOf(error);
    return { kind: 'unloadable', problem, hint };
  }
  if (!known.includes(use)) return { kind: 'unknown', known };
  try {
    const found = await extensionFor(places, kind, use);
    if (kind !== 'triggers' && kind !== 'channels') return { kind: 'good' };
    requireFunctions(kind, use, found);
    if (settings !== undefined) (found as AnyExtensionTrigger | AnyExtensionChannel).parseSettings(settings);
    return { kind: 'good' };
  } catch (error) {
    const { message: problem, hint } = failureOf(error);
    return { kind: 'refused', problem, hint };
  }
}

const functionsOf = { triggers: ['parseSettings', 'watch'], channels: ['parseSettings', 'deliver'] } as const;

function requireFunctions(kind: 'triggers' | 'channels', use: string, found: unknown): void {
  const parts = (typeof found === 'object' && found !== null ? found : {}) as Readonly<Record<string, unknown>>;
  const missing = functionsOf[kind].filter((name) => typeof parts[name] !== 'function');
  if (missing.length === 0) return;
  const what = `${extensionWords[kind]} ${JSON.stringify(use)}`;
  const type = kind === 'triggers' ? 'ExtensionTrigger' : 'ExtensionChannel';
  throw new CoffreError('EXTENSION_UNUSABLE', `${what} has no function ${missing.join(' and no ')}`, {
    hint: `The type ${type} of the package coffre says what it needs.`,
  });
}

function failureOf(error: unknown): ThreadFailure {
  const isRetryable = !(error instanceof Error && 'retryable' in error && error.retryable === false);
  return { message: lineOf(messageOf(error)), hint: isCoffreError(error) ? error.hint : undefined, isRetryable };
}

function lineOf(text: unknown): string {
  return String(text).replace(/\s+/g, ' ').trim().slice(0, lineMax);
}

async function endOf(working: Promise<void>): Promise<ThreadFailure | undefined> {
  try {
    await working;
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

send({ type: 'ended', failure: await endOf(work()) });
port.close();

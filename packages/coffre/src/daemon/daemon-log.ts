/** What the daemon does, as JSON lines: for programs first, and readable in a terminal. */
import { join } from 'node:path';
import { isCoffreError, messageOf } from '@coffre/repository';

export type LogFields = Readonly<Record<string, unknown>>;

/** `event` is stable and says what happened; the fields say to what. */
export type DaemonLog = {
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
};

export type LogLevel = keyof DaemonLog;

const fileSize = '10m';
const filesKept = 9;
/** What waits for room on the disk is kept up to here. */
const waitingMax = 1 << 20;

/**
 * Lines in `logs/serve.N.log` of the folder; a file that is full is followed by the next, and the oldest goes.
 * @param echo is given every line too
 */
export async function openDaemonLog(
  stateFolder: string,
  echo: (level: LogLevel, event: string, fields: LogFields) => void,
): Promise<DaemonLog & AsyncDisposable> {
  const { default: pino } = await import('pino');
  const { default: rolling } = await import('pino-roll');
  const stream = await rolling({
    file: join(stateFolder, 'logs', 'serve'),
    extension: '.log',
    size: fileSize,
    limit: { count: filesKept, removeOtherLogFiles: true },
    mkdir: true,
    mode: 0o600,
    maxLength: waitingMax,
  });
  let isBroken = false;
  let isEnding = false;
  // A full disk ends no daemon: what could not be written is tried again with the next line.
  stream.on('error', (error) => {
    if (!isBroken) echo('error', 'log.unavailable', { error: failureOf(error) });
    isBroken = true;
    if (isEnding) stream.destroy();
  });
  stream.on('write', () => (isBroken = false));
  const lines = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'event' }, stream);
  const write = (level: LogLevel, event: string, fields: LogFields): void => {
    const plain = plainFields(fields);
    lines[level](plain, event);
    echo(level, event, plain);
  };
  return {
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        stream.once('close', resolve);
        isEnding = true;
        stream.end();
      });
    },
  };
}

function plainFields(fields: LogFields): LogFields {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => [name, value instanceof Error ? failureOf(value) : value]));
}

function failureOf(error: Error): string {
  return isCoffreError(error) ? `${error.code}: ${error.message}` : messageOf(error);
}

/** `02:30:00 run.began plan=db pid=4711`, in local time. */
export function lineForPeople(level: LogLevel, event: string, fields: LogFields, atMs: number): string {
  const time = new Date(atMs).toTimeString().slice(0, 8);
  const words = Object.entries(fields).map(([name, value]) => `${name}=${wordOf(value)}`);
  const mark = level === 'info' ? '' : `${level}: `;
  return [`${time} ${mark}${event}`, ...words].join(' ');
}

function wordOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[\w.:/+-]+$/.test(text) ? text : JSON.stringify(text);
}

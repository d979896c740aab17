/** A backup of what a program prints, or of what arrives on stdin. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { CoffreError, toByteString } from '@coffre/repository';
import type { StreamSource } from '@coffre/repository';
import type { InputStream } from './prompt.ts';

const pipeBytes = 1024 * 1024;

/** `name` may hold folders; a leading slash is added. */
export function streamPath(name: string): StreamSource['path'] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const resolved: string[] = [];
  for (const part of parts) {
    if (part === '..') resolved.pop();
    else resolved.push(part);
  }
  if (resolved.length === 0) throw new CoffreError('USAGE', `--stdin-filename ${JSON.stringify(name)} is no file name`);
  return toByteString(`/${resolved.join('/')}`);
}

export function stdinSource(path: StreamSource['path'], stdin: InputStream): StreamSource {
  return { path, bytes: stdin };
}

export type CommandDoors = {
  readonly signal: AbortSignal;
  /** What the program says on its standard error, a line at a time. */
  readonly said: (line: string) => void;
};

/** Starts the program without a shell. Nothing is published unless it ends with exit code 0. */
export async function commandSource(
  path: StreamSource['path'],
  words: readonly string[],
  { signal, said }: CommandDoors,
): Promise<StreamSource> {
  const [program, ...args] = words;
  if (program === undefined) {
    throw new CoffreError('USAGE', 'no command was given to --stdin-from-command', {
      hint: 'Write it after `--`: -- pg_dump shop.',
    });
  }
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  createInterface({ input: child.stderr }).on('line', (line) => said(`subprocess ${program}: ${line}`));
  // A child's output that nobody reads yet is thrown away when the child ends, so it is taken from the first moment on.
  const bytes = child.stdout.pipe(new PassThrough({ highWaterMark: pipeBytes }));
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(notStarted(program, error)));
  });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      if (code === 0) resolve();
      else
        reject(
          commandFailed(
            `command failed: ${code === null ? `signal: ${killedBy ?? 'unknown'}` : `exit status ${code}`}`,
          ),
        );
    });
  });
  // Looked at after the last byte; the exit may come before.
  ended.catch(() => undefined);
  return { path, bytes, ended };
}

function commandFailed(why: string): CoffreError {
  return new CoffreError('SOURCE_COMMAND_FAILED', `unable to save snapshot: ${why}`, {
    hint: 'Nothing was saved. What the command wrote to its standard error is above.',
  });
}

function notStarted(program: string, cause: Error): CoffreError {
  return new CoffreError(
    'SOURCE_COMMAND_FAILED',
    `failed to start command ${JSON.stringify(program)}: ${cause.message}`,
    {
      hint: 'Nothing was saved. Check the name of the program; no shell looks at it.',
      cause,
    },
  );
}

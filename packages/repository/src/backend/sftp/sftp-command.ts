import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { CoffreError, messageOf } from '../../errors.ts';
import { commandWords } from '../command-words.ts';
import type { SftpChannel } from './sftp-session.ts';
import type { SftpTransport } from './sftp-transport.ts';

const stderrCharsMax = 2000;
const option = '-o sftp.command';

/** Runs restic's `sftp.command`, which is to speak SFTP over its input and output, once for each session. */
export function commandTransport(
  command: string,
  environment: { readonly [name: string]: string | undefined },
): SftpTransport {
  const [program, ...words] = commandWords(command, option);
  if (program === undefined) throw new CoffreError('USAGE', `${option} is empty`);
  const running = new Set<{ readonly child: ChildProcess; readonly ended: Promise<unknown> }>();

  return {
    ended: false,
    async openChannel() {
      // In our group and with our terminal: ssh may have to ask.
      const child = spawn(program, words, { stdio: 'pipe', env: { ...environment }, windowsHide: true });
      const ended = endOf(child, program);
      const entry = { child, ended };
      running.add(entry);
      const forget = (): void => void running.delete(entry);
      ended.then(forget).catch(forget);
      await spawned(child, program);
      const channel: SftpChannel = {
        readable: child.stdout,
        writable: child.stdin,
        ended,
        destroy: () => stop(child),
      };
      return channel;
    },
    async close() {
      for (const { child } of running) stop(child);
      await Promise.all([...running].map(({ ended }) => ended));
    },
  };
}

function spawned(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(
        new CoffreError('HOST_UNSUPPORTED', `${program} of ${option} cannot be started: ${messageOf(error)}`, {
          cause: error,
          hint: 'Check the name of the program, and that it is in the PATH.',
        }),
      ),
    );
  });
}

/** Resolves to how it ended, with the last thing it said. */
function endOf(child: ChildProcess, program: string): Promise<string> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-stderrCharsMax)));
  // A program that ended has told why; that its pipe broke says no more.
  child.stdin?.on('error', () => undefined);
  child.stdout?.on('error', () => undefined);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('close', (status, signal) => {
      const last = said.trim().split('\n').at(-1)?.trim() ?? '';
      resolve(`${program} ended with ${signal ?? `status ${status}`}${last === '' ? '' : `: ${last}`}`);
    });
  });
}

function stop(child: ChildProcess): void {
  child.stdin?.destroy();
  child.kill('SIGTERM');
}

/** `coffre serve-repo` as a child of the test, on a free port; stopped at the end of the block. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

export type ServeRepo = {
  readonly pid: number;
  readonly port: number;
  readonly origin: string;
  /** That of the test, with the repositories in `repositories`. */
  readonly folder: string;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Resolves to how it ended. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type ServeRepoOptions = {
  /** Nobody has to log in unless `--htpasswd` is among them. */
  readonly flags?: readonly string[];
  /** Of the test; made and removed here when absent. */
  readonly folder?: string;
  readonly listen?: string;
  /** The flags are all that is given. */
  readonly bare?: boolean;
};

export async function startServeRepo(options: ServeRepoOptions = {}): Promise<ServeRepo> {
  const { flags = [], listen = '127.0.0.1:0' } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'coffre-serve-repo-'));
  const path = join(folder, 'repositories');
  mkdirSync(path, { recursive: true });
  const login = flags.includes('--htpasswd') ? [] : ['--no-auth'];
  const usual = ['--path', path, '--listen', listen, ...login];
  const argv = ['serve-repo', '--json', ...(options.bare === true ? [] : usual), ...flags];
  const child = spawn(process.execPath, [...nodeArguments, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...compiled, PATH: process.env['PATH'], HOME: folder },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? -1));
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const end = async (signal: NodeJS.Signals): Promise<number | NodeJS.Signals> => {
    child.kill(signal);
    const how = await ended;
    process.off('exit', kill);
    return how;
  };
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  const first = await Promise.race([listening, ended]);
  if (typeof first !== 'string' || !first.startsWith('{')) {
    await end('SIGKILL');
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    throw new Error(`serve-repo did not start: ${log}`);
  }
  const said = JSON.parse(first) as { message_type: string; port: number; url: string };
  return {
    pid: child.pid ?? -1,
    port: said.port,
    origin: said.url,
    folder,
    log: () => log,
    end,
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

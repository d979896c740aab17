/** Starts `lock-holder.ts`. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));

export type HolderProcess = AsyncDisposable & {
  readonly child: ChildProcess;
  readonly lockId: string;
  /** Ends its stdin; resolves to its exit code once it is gone. */
  letGo(): Promise<number | null>;
};

/** `through` is a command line that runs the rest, as `unshare --pid`. */
export async function startHolder(
  folder: string,
  kind: 'shared' | 'exclusive',
  through: readonly string[] = [],
): Promise<HolderProcess> {
  const child = startLockScript(folder, [kind], through);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const lockId = await Promise.race([
    firstLine(child).then((line) => line.replace(/^held /, '')),
    exited.then(([code]) => Promise.reject(new Error(`the holder ended with ${code}`))),
  ]);
  return {
    child,
    lockId,
    async letGo() {
      child.stdin?.end();
      return (await exited)[0];
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Resolves to what it printed. */
export async function runContender(folder: string, durationMs: number): Promise<string> {
  const child = startLockScript(folder, ['contend', String(durationMs)]);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const line = await firstLine(child);
  const [code] = await exited;
  if (code !== 0) throw new Error(`a contender ended with ${code}`);
  return line;
}

function startLockScript(folder: string, argv: readonly string[], through: readonly string[] = []): ChildProcess {
  const flags = ['--conditions=@coffre/source', '--disable-warning=ExperimentalWarning'];
  const [program = process.execPath, ...rest] = [...through, process.execPath, ...flags, script, folder, ...argv];
  return spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) return line;
  return '';
}

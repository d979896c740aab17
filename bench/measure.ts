/** Runs one command and says what it cost. Linux only: memory is read from /proc. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sample } from './statistics.ts';

export type Command = {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

export type Measured = Sample & { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

const sampleEveryMs = 50;
const outputCharsMax = 256 * 1024;
const gnuTime = '/usr/bin/time';

export async function measure(command: Command): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-measure-'));
  try {
    const costFile = join(folder, 'cost');
    const wrapped = wrap(command, costFile);
    const startMs = performance.now();
    const child = spawn(wrapped.program, [...wrapped.args], {
      env: { ...cleanEnvironment(), ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    // The end tells most (summaries, errors), and `list` may print a lot.
    const keep = (name: 'stdout' | 'stderr') => (data: Buffer) =>
      void (output[name] = (output[name] + data.toString('latin1')).slice(-outputCharsMax));
    child.stdout.on('data', keep('stdout'));
    child.stderr.on('data', keep('stderr'));
    let sampledBytes = 0;
    const timer = setInterval(() => {
      sampledBytes = Math.max(sampledBytes, treeMemory(child.pid ?? 0));
    }, sampleEveryMs);
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 128));
    }).finally(() => clearInterval(timer));
    const wallMs = performance.now() - startMs;
    const cost = parseCost(readFileSync(costFile, 'utf8'));
    return { wallMs, cpuMs: cost.cpuMs, peakBytes: Math.max(sampledBytes, cost.peakBytes), exitCode, ...output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Settings of the person who starts the bench must not change what the tools do. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(RESTIC|RUSTIC|KOPIA|BORG|COFFRE|NODE_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** GNU time knows the peak of the largest process exactly; without it bash still knows the processor time. */
function wrap(command: Command, costFile: string): { program: string; args: readonly string[] } {
  const argv = [command.program, ...command.args];
  if (existsSync(gnuTime)) return { program: gnuTime, args: ['-q', '-f', '%U %S %M', '-o', costFile, ...argv] };
  const script = 'file=$1; shift; "$@"; code=$?; times > "$file"; exit $code';
  return { program: 'bash', args: ['-c', script, 'bash', costFile, ...argv] };
}

/** `12.5 1.25 40960` of GNU time (seconds, seconds, KiB), or the two lines of bash's `times`, children second. */
export function parseCost(text: string): { cpuMs: number; peakBytes: number } {
  const gnu = /^([\d.]+) ([\d.]+) (\d+)\s*$/.exec(text);
  if (gnu !== null) {
    return { cpuMs: (Number(gnu[1]) + Number(gnu[2])) * 1000, peakBytes: Number(gnu[3]) * 1024 };
  }
  const children = text.trim().split('\n').at(-1) ?? '';
  const parts = [...children.matchAll(/(\d+)m([\d.,]+)s/g)];
  if (parts.length !== 2) throw new Error(`the cost of a command cannot be read from ${JSON.stringify(text)}`);
  const ms = parts.map(([, minutes, rest = '0']) => Number(minutes) * 60_000 + Number(rest.replace(',', '.')) * 1000);
  return { cpuMs: (ms[0] ?? 0) + (ms[1] ?? 0), peakBytes: 0 };
}

/** Peak resident memory of each living process below `root`, added up. */
function treeMemory(root: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    // The second field is the program's name in brackets and may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent > 0) parents.set(pid, parent);
  }
  let sum = 0;
  for (const pid of parents.keys()) {
    if (!isBelow(pid, root, parents)) continue;
    const peak = /VmHWM:\s+(\d+) kB/.exec(readOrEmpty(`/proc/${pid}/status`));
    sum += Number(peak?.[1] ?? 0) * 1024;
  }
  return sum;
}

/** `root` is the measuring wrapper and does not count itself. */
function isBelow(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at = parents.get(pid); at !== undefined; at = parents.get(at)) if (at === root) return true;
  return false;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process ended in between.
    return '';
  }
}

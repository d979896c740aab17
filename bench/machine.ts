import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** One line about the machine, as it matters for a backup: SHA instructions alone are worth a factor of four in hashing. */
export function describeMachine(): string {
  const flags = cpuFlags();
  const has = (flag: string, name: string): string => `${name} ${flags.has(flag) ? 'yes' : 'no'}`;
  return [
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores`,
    has('sha_ni', 'SHA instructions'),
    has('avx2', 'AVX2'),
    has('aes', 'AES instructions'),
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB memory`,
    `Linux ${release()}`,
    `Node ${process.versions.node}`,
  ].join(' · ');
}

function cpuFlags(): Set<string> {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return new Set(line.replace(/\bsha2\b/, 'sha_ni').split(' '));
  } catch {
    return new Set();
  }
}

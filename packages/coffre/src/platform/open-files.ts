import { readdirSync, statSync } from 'node:fs';

/**
 * Other processes that have this file open, as far as we may see: all for root, one's own for others, none where the system
 * does not tell (only Linux does).
 */
export function processesHolding(path: string): number[] {
  const { dev, ino } = statSync(path);
  const holds = (descriptor: string): boolean => {
    try {
      const open = statSync(descriptor);
      return open.ino === ino && open.dev === dev;
    } catch {
      return false; // closed meanwhile
    }
  };
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => namesIn(`/proc/${pid}/fd`).some((fd) => holds(`/proc/${pid}/fd/${fd}`)))
    .map(Number);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // another's process, or none any more
  }
}

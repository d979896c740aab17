/** Programs that a process started and that outlived it: found by a word in their environment, where the system shows it. */
import { readdirSync, readFileSync } from 'node:fs';

export const markVariable = 'COFFRE_RUN_MARK';

export type MarkedProcess = {
  readonly pid: number;
  readonly mark: string;
  /** Of its environment, as it was when it began. */
  readonly variables: ReadonlySet<string>;
};

/** Of one's own user, for root of all. None where there is no `/proc`. */
export function markedProcesses(prefix: string): MarkedProcess[] {
  return numbersIn('/proc').flatMap((pid) => {
    const environment = environmentOf(pid);
    if (!environment.includes(`${markVariable}=${prefix}`)) return [];
    const words = environment.split('\0');
    const mark = words.find((word) => word.startsWith(`${markVariable}=`))?.slice(markVariable.length + 1);
    if (mark?.startsWith(prefix) !== true) return [];
    return [{ pid, mark, variables: new Set(words.map((word) => word.slice(0, word.indexOf('=')))) }];
  });
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Empty for another's process, and for one that has ended and is only waited for. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

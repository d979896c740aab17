/** What can be known about other processes of this machine, for locks that were left behind. */
import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';

export type Processes = {
  /**
   * Boot and pid namespace: where two processes have the same, a pid means the same to both.
   * Undefined where the system does not tell.
   */
  readonly space: string | undefined;
  isAlive(pid: number): boolean;
  /** Since boot, sleep included. */
  uptimeMs(): number;
  /** Until disposed of, SIGHUP does not end this process: restic sends it to ask whether the owner of a lock lives. */
  ignoreHangup(): Disposable;
};

export function systemProcesses(): Processes {
  return {
    space: readSpace(),
    isAlive,
    uptimeMs: () => uptime() * 1000,
    ignoreHangup() {
      const ignore = (): void => undefined;
      process.on('SIGHUP', ignore);
      return { [Symbol.dispose]: () => void process.off('SIGHUP', ignore) };
    },
  };
}

/** `<boot id> <number of the pid namespace>`. A number is given out again only when no process of the old one lives. */
function readSpace(): string | undefined {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = /^pid:\[(\d+)\]$/.exec(readlinkSync('/proc/self/ns/pid'))?.[1];
    return bootId === '' || namespace === undefined ? undefined : `${bootId} ${namespace}`;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** Names of our snapshots say which process still needs them. Pure but for asking whether that one runs. */
import { randomBytes } from 'node:crypto';
import { systemProcesses } from '@coffre/repository';

const pattern = /^coffre-(\d+)-[0-9a-f]{8}$/;

export function newSnapshotName(): string {
  return `coffre-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** Of a process that is gone. Names that are not ours never are. */
export function isAbandoned(
  name: string,
  isRunning: (pid: number) => boolean = (pid) => systemProcesses().isAlive(pid),
): boolean {
  const [, pid] = pattern.exec(name) ?? [];
  return pid !== undefined && !isRunning(Number(pid));
}

/** The metrics of `status` as a file for the textfile collector of node_exporter. */
import { CoffreError } from '@coffre/repository/opening';
import type { Status } from './status.ts';

export function writePromFile(path: string, _status: Status, _company: string | undefined): void {
  throw new CoffreError('NOT_BUILT_YET', `metrics cannot be written to ${path} yet`);
}

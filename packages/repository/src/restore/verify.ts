import { CoffreError } from '../errors.ts';
import { errorFromWire } from '../workers/pool.ts';
import type { RestoreCrew } from './crew.ts';
import { compareAll } from './existing.ts';
import type { RestoreJob } from './job.ts';
import type { WindowFile } from './window.ts';

/** Reads what was just written back from the file system and compares every blob with its id. */
export async function verifyFiles(job: RestoreJob, crew: RestoreCrew, files: readonly WindowFile[]): Promise<void> {
  await compareAll(job, crew, files, { overwrite: 'always', applyMetadata: false }, (file, verdict) => {
    if (verdict.kind === 'same') {
      job.counters.filesVerified += 1;
      return;
    }
    const cause = verdict.kind === 'failed' ? errorFromWire(verdict.error) : undefined;
    const error = new CoffreError('RESTORE_INCOMPLETE', 'the restored file does not match the snapshot', {
      hint: 'Check the target disk, then restore again.',
      cause,
    });
    job.fail(file.path, error);
  });
}

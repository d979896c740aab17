/** For scenes that begin with `init`, by whatever program, and are about something else. */
import { createLocalBackend } from '../packages/repository/src/backend/local.ts';
import { quickenKey } from '../packages/repository/src/testing/quick-key.ts';
import { createSampleHost } from '../packages/repository/src/testing/sample-repository.ts';

/** The key of the repository in this folder gives way to one that opens at once. */
export async function quickenFolder(path: string, password: string): Promise<void> {
  await quickenKey(createLocalBackend({ path }), createSampleHost(), password);
}

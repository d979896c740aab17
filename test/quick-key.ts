/** For scenes that begin with `init`, by whatever program, and are about something else. */
import { parseLocation } from '../packages/repository/src/backend/location.ts';
import { openBackend } from '../packages/repository/src/backend/open-backend.ts';
import { quickenKey } from '../packages/repository/src/testing/quick-key.ts';
import { createSampleHost, samplePassword } from '../packages/repository/src/testing/sample-repository.ts';

/** The key of the repository at this address gives way to one that opens at once. */
export async function quicken(
  address: string,
  password: string = samplePassword,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const backend = await openBackend(parseLocation(address), { environment });
  try {
    await quickenKey(backend, createSampleHost(), password);
  } finally {
    await backend.close();
  }
}

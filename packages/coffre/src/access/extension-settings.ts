import type { Config } from '../config/config.ts';
import { resolveText } from '../config/read/secrets.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import { secretNamesIn } from '../config/variables.ts';

/** Settings of an extension with every reference to a secret replaced. @throws {CoffreError} SECRET_UNAVAILABLE */
export async function resolveSettings(
  written: unknown,
  secrets: Config['secrets'],
  doors: SecretDoors,
): Promise<unknown> {
  if (typeof written === 'string') {
    const secretNames = secretNamesIn(written);
    return secretNames.length === 0 ? written : await resolveText({ template: written, secretNames }, secrets, doors);
  }
  if (Array.isArray(written)) {
    return await Promise.all(written.map(async (item) => await resolveSettings(item, secrets, doors)));
  }
  if (typeof written !== 'object' || written === null) return written;
  const entries = Object.entries(written).map(
    async ([key, value]) => [key, await resolveSettings(value, secrets, doors)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

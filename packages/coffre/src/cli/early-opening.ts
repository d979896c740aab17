/** Opening the repository before the verb is loaded: loading goes on while the key is derived on another thread. */
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import { openAccess } from './repository-access.ts';
import type { Opened } from './repository-access.ts';

/** Boxed, because a promise of a promise is only one. */
export type EarlyOpening = { readonly opened: Promise<Opened> };

/**
 * Resolves when the derivation has begun, or cannot. Nothing is begun where somebody would be asked or a command run:
 * a verb that is written wrongly must not have such effects.
 */
export async function beginOpening(
  cli: Cli,
  { uncached = false }: { readonly uncached?: boolean } = {},
): Promise<EarlyOpening | undefined> {
  try {
    const { password, keyHint, ...globals } = cli.globals();
    const isGiven = password.command === undefined && (password.file ?? password.environment) !== undefined;
    if (!isGiven) return undefined;
    const begun = Promise.withResolvers<void>();
    const access = { location: repositoryLocation(globals), password, keyHint, uncached, deriving: begun.resolve };
    const opened = openAccess(cli, access, cli.printer());
    await Promise.race([begun.promise, opened.catch(() => undefined)]);
    return { opened };
  } catch {
    // The verb meets the same mistake, and says so at its turn.
    return undefined;
  }
}

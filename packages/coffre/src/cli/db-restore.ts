import { CoffreError, shortId } from '@coffre/repository';
import type { FoundSource } from '../source-run/saved-source.ts';
import type { Cli } from './cli.ts';
import { chosenSource, liveSpecs, openBackup, type OpenedBackup } from './db-source.ts';
import type { DbRestoreOptions } from './db.ts';
import { loadFound } from './load-found.ts';
import { quoteName } from './output/display.ts';

export async function restoreDatabase(cli: Cli, name: string, options: DbRestoreOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  const backup = await openBackup(cli, chosen, options);
  const { session, stored, repository } = backup;
  await using _session = session;
  const { printer } = session;
  const { configured, source } = chosen;
  const places = await loadFound(
    cli,
    {
      session,
      stored,
      found: loadable(backup, options),
      source: source.name,
      repository: repository.name,
      configured,
      specs: await liveSpecs(chosen),
    },
    options,
  );
  if (printer.json) {
    printer.message({ schema: 'coffre.db-restore/1', source: source.name, snapshot: stored.id, places });
    return;
  }
  for (const place of places) printer.normal(`${source.name} of ${shortId(stored.id)} is at ${quoteName(place)}`);
}

/** One target takes one thing. @throws {CoffreError} USAGE */
function loadable({ sources }: OpenedBackup, { target }: DbRestoreOptions): readonly FoundSource[] {
  if (target === undefined || sources.length === 1) return sources;
  throw new CoffreError('USAGE', `${sources.length} saved files cannot all go to one target`, {
    hint: `Load them one by one with \`coffre source load\`: ${sources.map(({ saved }) => saved.name).join(', ')}.`,
  });
}

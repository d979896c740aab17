import { CoffreError, shortId } from '@coffre/repository';
import type { FoundSource } from '../source-run/saved-source.ts';
import type { SourceSpec } from '../source/source-types.ts';
import { withPassword } from '../source/postgresql/settings.ts';
import { auditedAs } from './audited.ts';
import { confirmStep } from './backup-named.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { chosenSource, liveSpecs, openBackup, type OpenedBackup } from './db-source.ts';
import type { DbRestoreOptions } from './db.ts';
import { quoteName } from './output/display.ts';
import { formatZonedTime } from './output/local-time.ts';
import { sourceContext } from './source-context.ts';

export async function restoreDatabase(cli: Cli, name: string, options: DbRestoreOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  const backup = await openBackup(cli, chosen, options);
  const { session, stored, repository } = backup;
  await using _session = session;
  const { printer, signal } = session;
  const overwrite = options.overwrite === true;
  const from = `${shortId(stored.id)} of ${formatZonedTime(stored.snapshot.time)}, from ${repository.name}`;
  const to = options.target === undefined ? 'where it came from' : quoteName(shownTarget(options.target));
  if (!printer.json) printer.normal(`${chosen.source.name}: ${from}, to ${to}`);
  if (overwrite) await confirmStep(cli, 'Replace what is there?', options.confirm === true);
  const specs = await liveSpecs(chosen);
  const context = sourceContext(cli, signal, (line) => printer.error(`Warning: ${line}`), chosen.configured);
  const places = await auditedAs(
    { cli, printer, state: await placeOfState(cli, chosen.configured) },
    { repository: session.repository.config.id },
    {
      action: 'restore',
      dryRun: !overwrite,
      shown: [{ source: chosen.source.name, snapshot: stored.id, tables: options.table ?? [] }],
      work: async () => {
        const done: string[] = [];
        for (const found of loadable(backup, options)) {
          done.push(await found.type.load(found.saved, targetOf(cli, found, specs, options), context));
        }
        return done;
      },
      done: (found) => ({ places: [...found] }),
    },
  );
  if (printer.json) {
    printer.message({ schema: 'coffre.db-restore/1', source: chosen.source.name, snapshot: stored.id, places });
    return;
  }
  for (const place of places)
    printer.normal(`${chosen.source.name} of ${shortId(stored.id)} is at ${quoteName(place)}`);
}

/** One target takes one thing. @throws {CoffreError} USAGE */
function loadable({ sources }: OpenedBackup, { target }: DbRestoreOptions): readonly FoundSource[] {
  if (target === undefined || sources.length === 1) return sources;
  throw new CoffreError('USAGE', `${sources.length} saved files cannot all go to one target`, {
    hint: `Load them one by one with \`coffre source load\`: ${sources.map(({ saved }) => saved.name).join(', ')}.`,
  });
}

function targetOf(cli: Cli, { saved }: FoundSource, specs: readonly SourceSpec[], options: DbRestoreOptions) {
  const { target, table, overwrite, owner, createRoles } = options;
  return {
    to: target === undefined ? undefined : withPassword(target, cli.environment['PGPASSWORD']),
    overwrite: overwrite === true,
    only: table ?? [],
    settings: specs.find(({ settings }) => settings.name === saved.name)?.settings,
    withoutOwners: !owner,
    createsOwners: createRoles === true,
  };
}

function shownTarget(target: string): string {
  return target.replace(/(:\/\/[^/?@:]*):[^/?@]*@/, '$1:***@').replace(/([?&]password=)[^&]*/, '$1***');
}

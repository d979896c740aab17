/** Bringing saved sources back as sources: the same for `db restore` and `source load`. */
import { shortId, type StoredSnapshot } from '@coffre/repository';
import { withPassword } from '../source/postgresql/settings.ts';
import type { SourceSpec } from '../source/source-types.ts';
import type { FoundSource } from '../source-run/saved-source.ts';
import { auditedAs } from './audited.ts';
import { confirmStep } from './backup-named.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import type { Configured } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatZonedTime } from './output/local-time.ts';
import type { Session } from './session.ts';
import { sourceContext } from './source-context.ts';

export type LoadOptions = {
  readonly target?: string | undefined;
  readonly table?: string[] | undefined;
  readonly overwrite?: true | undefined;
  readonly confirm?: true | undefined;
  readonly owner: boolean;
  readonly createRoles?: true | undefined;
};

export type LoadWork = {
  readonly session: Session;
  readonly stored: StoredSnapshot;
  readonly found: readonly FoundSource[];
  /** As people call it. */
  readonly source: string;
  /** Where it is read from; nothing where there is one repository only. */
  readonly repository: string | undefined;
  readonly configured: Configured | undefined;
  /** Of the live source, where it is configured here. */
  readonly specs: readonly SourceSpec[];
};

/** Says what it is about to do, asks before anything is replaced, and puts that on record. @returns where each is now */
export async function loadFound(cli: Cli, work: LoadWork, options: LoadOptions): Promise<string[]> {
  const { session, stored, found, source, repository, configured, specs } = work;
  const { printer, signal } = session;
  const overwrite = options.overwrite === true;
  const from = [
    `${shortId(stored.id)} of ${formatZonedTime(stored.snapshot.time)}`,
    repository && `from ${repository}`,
  ];
  const to = options.target === undefined ? 'where it came from' : quoteName(shownTarget(options.target));
  if (!printer.json) printer.normal(`${quoteName(source)}: ${from.filter(Boolean).join(', ')}, to ${to}`);
  if (overwrite) await confirmStep(cli, 'Replace what is there?', options.confirm === true);
  const context = sourceContext(cli, signal, (line) => printer.error(`Warning: ${line}`), configured);
  const state = configured === undefined ? {} : { state: await placeOfState(cli, configured) };
  return await auditedAs(
    { cli, printer, ...state },
    { repository: session.repository.config.id },
    {
      action: 'restore',
      dryRun: !overwrite,
      shown: [{ source, snapshot: stored.id, tables: options.table ?? [] }],
      work: async () => {
        const done: string[] = [];
        for (const one of found) {
          done.push(await one.type.load(one.saved, targetOf(cli, one, specs, options), context));
        }
        return done;
      },
      done: (places) => ({ places: [...places] }),
    },
  );
}

function targetOf(cli: Cli, { saved }: FoundSource, specs: readonly SourceSpec[], options: LoadOptions) {
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

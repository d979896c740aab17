import { isCoffreError, messageOf, newestFirst, shortId, type StoredSnapshot } from '@coffre/repository';
import type { Config, ServerAddress, SourceConfig } from '../config/config.ts';
import { factsOf } from '../named/tags.ts';
import type { Cli } from './cli.ts';
import { databasesIn } from './db-source.ts';
import type { DbOptions } from './db.ts';
import { meantRepositories, requireConfigured } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatZonedTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { tableLines } from './output/table.ts';

type Last = { readonly stored: StoredSnapshot; readonly repository: string };

export async function listDatabases(cli: Cli, options: DbOptions): Promise<void> {
  const { config } = await requireConfigured(cli, options.config);
  const printer = cli.printer();
  const last = await lastBackups(cli, options, printer, config);
  const sources = databasesIn(config);
  if (printer.json) {
    const found = sources.map((source) => {
      const backup = last.get(source.name);
      return {
        source: source.name,
        kind: source.type,
        address: addressIn(source),
        last:
          backup === undefined
            ? null
            : { ...said(backup), size: backup.stored.snapshot.summary?.total_bytes_processed ?? null },
      };
    });
    printer.message({ schema: 'coffre.db-list/1', databases: found });
    return;
  }
  const rows = sources.map((source) => {
    const backup = last.get(source.name);
    const when = backup === undefined ? 'never' : formatZonedTime(backup.stored.snapshot.time);
    const where = backup === undefined ? '' : `${backup.repository} ${shortId(backup.stored.id)}`;
    return [source.name, source.type, quoteName(addressIn(source)), when, where];
  });
  if (rows.length === 0) return printer.normal('the configuration has no databases');
  const columns = ['Source', 'Kind', 'Address', 'Last backup', 'In'];
  for (const line of tableLines({ columns, rows })) printer.always(line);
}

function said({ stored, repository }: Last): object {
  return { time: stored.snapshot.time, snapshot: stored.id, repository };
}

/** Of every source the newest, wherever it is. A repository that cannot be opened is said, and the others are shown. */
async function lastBackups(cli: Cli, options: DbOptions, printer: Printer, config: Config): Promise<Map<string, Last>> {
  const last = new Map<string, Last>();
  if (config.repositories.size === 0) return last;
  const { repositories } = await meantRepositories(cli, options);
  for (const repository of repositories) {
    try {
      await using session = await repository.open('none', { uncached: true });
      for (const stored of newestFirst(await session.repository.listSnapshots())) {
        const { source, kind } = factsOf(stored.snapshot);
        if (source === undefined || kind === 'temp') continue;
        const known = last.get(source);
        if (known !== undefined && Date.parse(known.stored.snapshot.time) >= Date.parse(stored.snapshot.time)) continue;
        last.set(source, { stored, repository: repository.name });
      }
    } catch (error) {
      if (!isCoffreError(error) || error.code === 'INTERRUPTED') throw error;
      printer.error(`Warning: ${repository.name}: ${messageOf(error)}`);
    }
  }
  return last;
}

/** As the file has it: references to secrets stay references. */
function addressIn(source: SourceConfig): string {
  switch (source.type) {
    case 'postgresql':
    case 'mysql':
    case 'mariadb':
    case 'mongodb':
    case 'redis':
      return serverIn(source.connect);
    case 'sqlite':
    case 'files':
      return source.paths.join(' ');
    case 'git':
      return source.path;
    case 'command':
      return source.run[0] ?? '';
    case 'extension':
      return source.use;
    default:
      return source satisfies never;
  }
}

function serverIn(connect: ServerAddress): string {
  const { url, service, socket, host = 'localhost', port, databases } = connect;
  const place =
    url?.template ??
    (service === undefined ? (socket ?? (port === undefined ? host : `${host}:${port}`)) : `service ${service}`);
  return databases.length === 0 ? place : `${place} ${databases.join(', ')}`;
}

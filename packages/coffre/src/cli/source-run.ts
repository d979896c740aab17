import { CoffreError, shortId } from '@coffre/repository';
import { loadManifest } from '../manifest/verify.ts';
import { openSavedSource } from '../source-run/saved-source.ts';
import type { Cli } from './cli.ts';
import { specsHere } from './db-source.ts';
import { loadFound } from './load-found.ts';
import { configuredIfThere } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import { tableLines } from './output/table.ts';
import { openSession } from './session.ts';
import { selectSnapshot, snapshotFilter } from './snapshot-options.ts';
import type { LoadVerbOptions, SourceVerbOptions } from './source.ts';

export async function listSources(cli: Cli, name: string, options: SourceVerbOptions): Promise<void> {
  await using session = await openSession(cli, 'read');
  const { repository, printer, signal } = session;
  const { id, snapshot } = await selectSnapshot(repository, snapshotFilter(options, cli.environment), name);
  const { manifest } = await loadManifest(await repository.loadIndex(), snapshot.tree, signal);
  if (printer.json) {
    printer.message({ schema: 'coffre.sources/1', snapshot: id, manifest });
    return;
  }
  const rows = manifest.sources.map(({ kind, name: source, streams }) => [
    quoteName(source),
    kind,
    formatBytes(streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)),
    streams.map(({ path }) => quoteName(path)).join(' '),
  ]);
  for (const line of tableLines({ columns: ['Name', 'Kind', 'Size', 'In the snapshot'], rows })) printer.always(line);
}

export async function loadSource(cli: Cli, name: string, source: string, options: LoadVerbOptions): Promise<void> {
  await using session = await openSession(cli, 'read');
  const { repository, printer, signal } = session;
  const { id, snapshot } = await selectSnapshot(repository, snapshotFilter(options, cli.environment), name);
  const indexed = await repository.loadIndex();
  const { manifest } = await loadManifest(indexed, snapshot.tree, signal);
  const entry = manifest.sources.find((one) => one.name === source);
  if (entry === undefined) {
    const names = manifest.sources.map((one) => one.name).join(', ');
    throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `snapshot ${shortId(id)} has no source ${JSON.stringify(source)}`, {
      hint: names === '' ? 'It has none.' : `It has ${names}.`,
    });
  }
  const configured = await configuredIfThere(cli, undefined, true);
  const [place] = await loadFound(
    cli,
    {
      session,
      stored: { id, snapshot },
      found: [openSavedSource(indexed, snapshot.tree, entry, signal)],
      source,
      repository: undefined,
      configured,
      specs: await specsHere(configured, snapshot),
    },
    options,
  );
  if (printer.json) printer.message({ schema: 'coffre.source-load/1', snapshot: id, source, place });
  else printer.normal(`${quoteName(source)} of ${shortId(id)} is at ${quoteName(place ?? '')}`);
}

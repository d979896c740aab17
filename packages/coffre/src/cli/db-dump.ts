/** `coffre db dump`: what a backup would save, or what one saved, for other programs. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { CoffreError, toText } from '@coffre/repository';
import { typeOf } from '../source/source-types.ts';
import type { Cli } from './cli.ts';
import { chosenSource, liveSpecs, openBackup, type ChosenSource } from './db-source.ts';
import type { DbDumpOptions } from './db.ts';
import { formatBytes } from './output/format.ts';
import { sourceContext } from './source-context.ts';

export async function dumpDatabase(cli: Cli, name: string, options: DbDumpOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  if (options.snapshot === undefined) await dumpLive(cli, chosen, options);
  else await dumpSaved(cli, chosen, options);
}

type Stream = { readonly path: string; readonly bytes: () => AsyncIterable<Uint8Array> };

async function dumpLive(cli: Cli, chosen: ChosenSource, options: DbDumpOptions): Promise<void> {
  const printer = cli.printer();
  const context = sourceContext(cli, cli.signal, (line) => printer.error(`Warning: ${line}`), chosen.configured);
  await using opened = new AsyncDisposableStack();
  const streams: Stream[] = [];
  for (const { kind, settings } of await liveSpecs(chosen)) {
    const type = typeOf(kind);
    const { warnings } = await type.preflight(settings, context, undefined);
    for (const line of warnings) printer.error(`Warning: ${line}`);
    const dump = opened.use(await type.dump(settings, context));
    for (const { path, bytes } of dump.streams) {
      streams.push({ path: toText(path), bytes: () => iterate(bytes, cli.signal) });
    }
  }
  await write(cli, meantStream(streams, options), options);
}

async function dumpSaved(cli: Cli, chosen: ChosenSource, options: DbDumpOptions): Promise<void> {
  const { session, sources } = await openBackup(cli, chosen, options);
  await using _session = session;
  const streams = sources.flatMap(({ saved }) =>
    saved.streams.map(({ path }) => ({ path, bytes: () => saved.read(path) })),
  );
  await write(cli, meantStream(streams, options), options);
}

async function* iterate(
  bytes: Uint8Array | AsyncIterable<Uint8Array> | ((signal: AbortSignal) => AsyncIterable<Uint8Array>),
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (bytes instanceof Uint8Array) yield bytes;
  else yield* typeof bytes === 'function' ? bytes(signal) : bytes;
}

/** Roles and the like stand beside the one database. */
function meantStream(streams: readonly Stream[], { stream: name }: DbDumpOptions): Stream {
  const fitting =
    name === undefined
      ? streams.filter(({ path }) => streams.length === 1 || !basename(path).startsWith('globals.'))
      : streams.filter(({ path }) => basename(path) === name || path === name || path.endsWith(`/${name}`));
  const [stream, second] = fitting;
  if (stream !== undefined && second === undefined) return stream;
  const names = streams.map(({ path }) => basename(path)).join(', ');
  throw new CoffreError(
    'USAGE',
    name === undefined ? 'there are several streams' : `there is no stream ${JSON.stringify(name)}`,
    {
      hint: `Choose one with --stream: ${names}.`,
    },
  );
}

async function write(cli: Cli, { path, bytes }: Stream, { output }: DbDumpOptions): Promise<void> {
  const printer = cli.printer();
  if (output === undefined) {
    for await (const part of bytes()) await printer.terminal.writeRaw(part);
    return;
  }
  const sizeBytes = await intoFile(output, bytes());
  if (printer.json) printer.message({ schema: 'coffre.db-dump/1', stream: path, file: output, bytes: sizeBytes });
  else printer.normal(`${basename(path)}: ${formatBytes(sizeBytes)} in ${output}`);
}

/** Nobody but us may read it: it holds what the database holds. */
async function intoFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const part = `${path}.coffre-${process.pid}`;
  const file = openSync(part, 'wx', 0o600);
  let sizeBytes = 0;
  let isWhole = false;
  try {
    for await (const some of bytes) {
      for (let at = 0; at < some.byteLength;) at += writeSync(file, some, at);
      sizeBytes += some.byteLength;
    }
    fsyncSync(file);
    isWhole = true;
  } finally {
    closeSync(file);
    if (!isWhole) rmSync(part, { force: true });
  }
  renameSync(part, path);
  return sizeBytes;
}

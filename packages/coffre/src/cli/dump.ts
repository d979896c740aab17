import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { carriedBytes, CoffreError, dump, findFolder, isCoffreError, outputTo } from '@coffre/repository';
import type { ArchiveKind, DumpOptions } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import type { Terminal } from './output/terminal.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshot, snapshotFilter } from './snapshot-options.ts';
import { parseChoice, usage } from './values.ts';

const archives: readonly ArchiveKind[] = ['tar', 'zip'];

export function defineDump(command: Command, cli: Cli): void {
  addSnapshotFilter(
    command
      .argument('[snapshot]', 'an id, its beginning or latest')
      .argument('[path...]', 'a file or a folder of it; / for everything'),
  )
    .option('-a, --archive <kind>', 'how folders are packed: tar or zip', 'tar')
    .option('-t, --target <file>', 'write to this file instead of stdout')
    .action(async (name, paths, options) => {
      const [path] = paths;
      if (name === undefined || path === undefined || paths.length !== 1)
        throw usage('no file and no snapshot ID specified');
      const archive = parseChoice(options.archive, '--archive', archives);
      const filter = snapshotFilter(options, cli.environment);
      await using session = await openSession(cli, 'read', { besideLock: true });
      const { repository, printer, signal } = session;
      const [indexed, found] = await session.reading(async () =>
        Promise.all([repository.loadIndex(), selectSnapshot(repository, filter, name)]),
      );
      const { tree: root } = found.snapshot;
      const tree = found.folder === undefined ? root : await findFolder(indexed, root, found.folder);
      const wish = { tree, path: carriedBytes(path), archive, signal };
      const write = async (to: Pick<DumpOptions, 'output' | 'beforeArchive'>): Promise<void> =>
        void (await inWords(path, () => dump(indexed, { ...wish, ...to })));
      if (options.target === undefined) await write(standardOutput(printer.terminal));
      else await toFile(options.target, write);
    });
}

function standardOutput(terminal: Terminal): Pick<DumpOptions, 'output' | 'beforeArchive'> {
  return {
    output: async (bytes) => await terminal.writeRaw(bytes),
    beforeArchive: () => {
      if (terminal.outputIsTerminal) {
        throw usage('stdout is the terminal, please redirect output', 'Use --target FILE, or > FILE.');
      }
    },
  };
}

async function toFile(path: string, write: (to: Pick<DumpOptions, 'output'>) => Promise<void>): Promise<void> {
  const file = createWriteStream(Buffer.from(carriedBytes(path), 'latin1'));
  const written = finished(file);
  written.catch(() => undefined);
  try {
    await write({ output: outputTo(file) });
    file.end();
    await written;
  } catch (error) {
    file.destroy();
    if (isCoffreError(error) || !(error instanceof Error)) throw error;
    throw new CoffreError('RESTORE_INCOMPLETE', `cannot dump to file: ${error.message}`, { cause: error });
  }
}

/** restic's words for a path that is not there. */
async function inWords<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCoffreError(error, 'PATH_NOT_IN_SNAPSHOT')) throw error;
    const isAbsent = error.message.endsWith('is not in the snapshot');
    const why = isAbsent ? `path ${JSON.stringify(path)} not found in snapshot` : error.message;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new CoffreError(error.code, `cannot dump file: ${why}`, { ...hint, cause: error });
  }
}

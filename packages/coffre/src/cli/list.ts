import type { FileKind } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';
import { parseChoice, usage } from './values.ts';

const kinds = ['blobs', 'packs', 'index', 'snapshots', 'keys', 'locks'] as const;
const folders: Readonly<Record<Exclude<(typeof kinds)[number], 'blobs'>, FileKind>> = {
  packs: 'data',
  index: 'index',
  snapshots: 'snapshots',
  keys: 'keys',
  locks: 'locks',
};

export function defineList(command: Command, cli: Cli): void {
  command.argument('[kind...]', kinds.join(', ')).action(async (words) => {
    const [word] = words;
    if (word === undefined || words.length !== 1)
      throw usage('name one kind of object', `Choose one of ${kinds.join(', ')}.`);
    const kind = parseChoice(word, 'the kind', kinds);
    await using session = await openSession(cli, kind === 'locks' ? 'none' : 'read');
    const { repository, printer } = session;
    if (kind === 'blobs') {
      const indexed = await repository.loadIndex();
      for (const { type, id } of indexed.blobs()) printer.always(`${type} ${id}`);
      return;
    }
    for await (const { name } of repository.backend.list(folders[kind])) {
      session.signal.throwIfAborted();
      printer.always(name);
    }
  });
}

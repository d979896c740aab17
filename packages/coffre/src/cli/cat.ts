import { CoffreError, encodeSnapshot, findFolder, isId, loadKeyFile, parseId, sha256Hex } from '@coffre/repository';
import type { BlobId, IndexedRepository, IndexId, KeyId, LockId, Repository } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { jsonText } from './output/json.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { selectSnapshot } from './snapshot-options.ts';
import { usage } from './values.ts';

const kinds = ['config', 'index', 'snapshot', 'key', 'masterkey', 'lock', 'pack', 'blob', 'tree'] as const;
type Kind = (typeof kinds)[number];

export function defineCat(command: Command, cli: Cli): void {
  command
    .argument('[kind]', kinds.join(', '))
    .argument('[id...]', 'of the object; for a snapshot or a tree also latest and snapshot:folder')
    .action(async (word, ids) => {
      if (word === undefined) throw usage('type not specified', `Choose one of ${kinds.join(', ')}.`);
      const kind = kinds.find((name) => name === word);
      if (kind === undefined) throw usage(`invalid type ${JSON.stringify(word)}, must be one of [${kinds.join('|')}]`);
      const [id = ''] = ids;
      if (kind !== 'config' && kind !== 'masterkey' && ids.length !== 1) throw usage('ID not specified');
      const isWhole = ['index', 'key', 'lock', 'pack', 'blob'].includes(kind);
      if (isWhole && !isId(id))
        throw usage(
          `unable to parse ID: ${JSON.stringify(id)}`,
          'This needs all 64 digits; `coffre list` prints them.',
        );
      await using session = await openSession(cli, 'read');
      await print(session, kind, id);
    });
}

async function print(session: Session, kind: Kind, id: string): Promise<void> {
  const { repository, printer } = session;
  const json = (value: unknown): void => printer.always(jsonText(value, '  '));
  switch (kind) {
    case 'config':
      return json(configJson(repository));
    case 'masterkey':
      return json(masterKeyJson(repository));
    case 'key':
      return json(await keyJson(repository, parseId<KeyId>(id)));
    case 'lock':
      return json(JSON.parse((await repository.loadUnpacked('locks', parseId<LockId>(id))).toString('utf8')));
    case 'index':
      return printer.always((await repository.loadUnpacked('index', parseId<IndexId>(id))).toString('utf8'));
    case 'snapshot': {
      const { snapshot } = await selectSnapshot(repository, {}, id);
      return json(JSON.parse(encodeSnapshot(snapshot).toString('utf8')));
    }
    case 'pack':
      return await printPack(session, id);
    case 'blob':
      return await printer.terminal.writeRaw(await loadAnyBlob(await repository.loadIndex(), parseId<BlobId>(id)));
    case 'tree': {
      const { snapshot, folder } = await selectSnapshot(repository, {}, id);
      const indexed = await repository.loadIndex();
      const tree = folder === undefined ? snapshot.tree : await findFolder(indexed, snapshot.tree, folder);
      return await printer.terminal.writeRaw(await indexed.loadTreeBytes(tree));
    }
    default:
      return kind satisfies never;
  }
}

function configJson({ config }: Repository): Record<string, unknown> {
  const { version, id, chunkerPolynomial, foreign } = config;
  return { version, id, chunker_polynomial: chunkerPolynomial.toString(16), ...foreign };
}

function masterKeyJson({ masterKey }: Repository): Record<string, unknown> {
  const { macK, macR, encrypt } = masterKey;
  return { mac: { k: macK.toString('base64'), r: macR.toString('base64') }, encrypt: encrypt.toString('base64') };
}

async function keyJson({ backend }: Repository, id: KeyId): Promise<Record<string, unknown>> {
  const { created, username, hostname, kdf, N, r, p, salt, data } = await loadKeyFile(backend, id);
  return { created, username, hostname, kdf, N, r, p, salt: salt.toString('base64'), data: data.toString('base64') };
}

/** Also a damaged pack is printed: whoever asks for it wants to look. */
async function printPack({ repository, printer }: Session, id: string): Promise<void> {
  const bytes = await repository.backend.load({ kind: 'data', name: id });
  const hash = sha256Hex(bytes);
  if (hash !== id) printer.error(`Warning: hash of data does not match ID, want\n  ${id}\ngot:\n  ${hash}`);
  await printer.terminal.writeRaw(bytes);
}

async function loadAnyBlob(indexed: IndexedRepository, id: BlobId): Promise<Uint8Array> {
  for (const type of ['data', 'tree'] as const) if (indexed.has(type, id)) return await indexed.loadBlob(type, id);
  throw new CoffreError('REPO_BLOB_MISSING', 'blob not found', {
    hint: 'Run `coffre list blobs` to see what is there.',
  });
}

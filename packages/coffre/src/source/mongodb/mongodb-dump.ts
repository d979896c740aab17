/** The streams of a server: archives of mongodump, each followed to its last byte by our own reader. */
import {
  CoffreError,
  databaseProfile,
  isCoffreError,
  toByteString,
  toText,
  type SavedStream,
  type StreamSource,
} from '@coffre/repository';
import type { Dump, SourceContext } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { ArchiveReader, isOplog, type ArchivedCollection, type CountedCollection, type Prelude } from './archive.ts';
import { fieldsOf, textIn, timestampIn } from './bson.ts';
import { chooseMember } from './dumped-member.ts';
import { connectionOf, type MongodbAddress } from './mongodb-address.ts';
import { openServer } from './mongodb-server.ts';
import { checkDumpArguments, failureOf, findTool, writeToolConfig } from './mongodb-tools.ts';
import { collectionTruthOf, type MongodbTruth } from './mongodb-truth.ts';
import { archiveNameOf, chooseDatabases, type Choice, type ServerFacts } from './topology.ts';

export type MongodbSettings = MongodbAddress & {
  /** Folder of its streams in the snapshot. */
  readonly name: string;
  /** All, with users and roles, when none is named or left out. */
  readonly databases: readonly string[];
  readonly excludeDatabases: readonly string[];
  readonly dumpArguments: readonly string[];
  /** How long mongodump may print nothing while it is listened to; a quarter of an hour when absent. */
  readonly silenceMaxMs?: number | undefined;
  /** Where proofs load into databases of other names; a private server when absent. */
  readonly scratch?: MongodbAddress | undefined;
};

const silenceMaxDefaultMs = 15 * 60_000;

export type Survey = {
  readonly facts: ServerFacts;
  readonly choice: Choice;
  readonly sizeBytes: number;
  readonly count: number;
};

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_DENIED, SOURCE_MISSING */
export async function survey(settings: MongodbSettings, context: SourceContext): Promise<Survey> {
  await using server = await openServer(connectionOf(settings), context.signal);
  const facts = await server.facts();
  const present = await server.databases();
  const choice = chooseDatabases(
    present.map(({ name }) => name),
    settings.databases,
    settings.excludeDatabases,
  );
  const chosen = choice.kind === 'whole' ? present : present.filter(({ name }) => choice.names.includes(name));
  const missing = choice.kind === 'whole' ? [] : choice.missing;
  if (missing.length > 0 || chosen.length === 0) {
    const what = missing.length > 0 ? `no database ${missing.join(', ')}` : 'no database to save';
    throw new CoffreError('SOURCE_MISSING', `${server.shown} has ${what}`, {
      hint: 'Check the spelling, and that it is the right server; nothing was saved.',
    });
  }
  const sizeBytes = chosen.reduce((sum, one) => sum + one.sizeBytes, 0);
  return { facts, choice, sizeBytes, count: chosen.length };
}

type Oplog = { entries: number; changes: number; first: string | null; last: string | null };

type Finding = { readonly prelude: Prelude; readonly collections: readonly CountedCollection[] };

export async function dumpServer(settings: MongodbSettings, context: SourceContext): Promise<Dump<MongodbTruth>> {
  const mongodump = findTool('mongodump', context);
  checkDumpArguments(settings.dumpArguments);
  const { facts, choice } = await survey(settings, context);
  const isMoment = choice.kind === 'whole' && facts.oplog.usable;
  const member = isMoment ? await chooseMember(connectionOf(settings), context) : undefined;
  const config = writeToolConfig(member?.connection ?? connectionOf(settings), context);
  const folder = streamFolder(settings.name);
  const databases: readonly (string | null)[] = choice.kind === 'whole' ? [null] : choice.names;
  const findings = new Map<string, Finding>();
  const oplog: Oplog = { entries: 0, changes: 0, first: null, last: null };
  const argumentsOf = (database: string | null): string[] => {
    if (database === null) return isMoment ? ['--oplog'] : [];
    return [
      `--db=${database}`,
      ...(facts.accounts === 'saved' && database !== 'admin' ? ['--dumpDbUsersAndRoles'] : []),
    ];
  };
  const streams = databases.map((database): StreamSource & { readonly database: string | null } => {
    const path = `${folder}/${archiveNameOf(database)}`;
    // Collections beside each other would lie in the archive in another order each time, and nothing would repeat.
    const form = ['--archive', '--numParallelCollections=1'];
    const argv = [mongodump, config.argument, ...form, ...argumentsOf(database), ...settings.dumpArguments];
    async function* bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      const reader = new ArchiveReader({ document: noteOplog(oplog), wantsDocuments: isOplog });
      const silence = new AbortController();
      const call = { argv, ...config.call, signal: AbortSignal.any([signal, context.signal, silence.signal]) };
      const silenceMaxMs = settings.silenceMaxMs ?? silenceMaxDefaultMs;
      for await (const piece of heard(context.programs.output(call), silence, silenceMaxMs)) {
        reader.push(piece);
        yield piece;
      }
      const found = reader.end();
      await member?.checkAfter(oplog.last);
      findings.set(path, found);
    }
    return { path: toByteString(path), bytes, profile: databaseProfile, database };
  });
  return {
    streams,
    truth: async (saved) => {
      const archives = streams.map(({ path, database }) => archiveTruth(toText(path), database, saved));
      const found = archives.map(({ path }) => findings.get(path));
      return {
        server: { program: facts.program, version: facts.version, replicaSet: facts.replicaSet },
        consistency: isMoment ? 'moment' : 'collection',
        oplog: isMoment ? oplog : null,
        archives,
        collections: found
          .flatMap((one) => one?.collections ?? [])
          .filter((one) => !isOplog(one))
          .map(collectionTruthOf)
          .toSorted(byName),
      };
    },
    [Symbol.asyncDispose]: async () => config[Symbol.dispose](),
  };
}

/** A server that is gone without a word leaves mongodump waiting for ever. Time counts only while we wait for it too. */
async function* heard(
  pieces: AsyncGenerator<Uint8Array>,
  silence: AbortController,
  silenceMaxMs: number,
): AsyncGenerator<Uint8Array> {
  const giveUp = (): void =>
    silence.abort(
      new CoffreError('SOURCE_UNREACHABLE', `mongodump has printed nothing for ${silenceMaxMs / 1000} s`, {
        hint: 'Nothing was saved of it. See whether the server still answers, and run the backup again.',
        retryable: true,
      }),
    );
  try {
    for (;;) {
      const timer = setTimeout(giveUp, silenceMaxMs);
      const next = await pieces.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_COMMAND_FAILED')) throw error;
    const why = failureOf('mongodump', error);
    throw new CoffreError('SOURCE_COMMAND_FAILED', why, {
      retryable: why.includes('while renames occur'),
      hint: 'Nothing was saved of it. Run the backup again; if it fails again, see the server’s own log.',
      cause: error,
    });
  } finally {
    await pieces.return(undefined);
  }
}

export function noteOplog(oplog: Oplog): (document: Uint8Array, collection: ArchivedCollection) => void {
  return (document, collection) => {
    if (!isOplog(collection)) return;
    const fields = fieldsOf(document);
    const at = timestampIn(fields, 'ts') ?? null;
    oplog.entries += 1;
    // The server writes entries of its own that change nothing.
    if (textIn(fields, 'op') !== 'n') oplog.changes += 1;
    oplog.first ??= at;
    oplog.last = at;
  };
}

function archiveTruth(
  path: string,
  database: string | null,
  saved: readonly SavedStream[],
): MongodbTruth['archives'][number] {
  const stored = saved.find((one) => toText(one.path) === path);
  if (stored === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
  return { path, database, sizeBytes: stored.sizeBytes, sha256: stored.sha256 };
}

function byName(a: { database: string; collection: string }, b: typeof a): number {
  const [one, other] = [`${a.database}\0${a.collection}`, `${b.database}\0${b.collection}`];
  return one < other ? -1 : one === other ? 0 : 1;
}

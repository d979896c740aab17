/** A source on a real server, saved into memory: what the tests of PostgreSQL share. */
import { tmpdir } from 'node:os';
import { createFiles, systemClock, toText } from '@coffre/repository';
import { createPrograms } from '../../../packages/coffre/src/platform/programs.ts';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { PostgresSettings } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { PostgresTruth } from '../../../packages/coffre/src/source/postgresql/truth.ts';
import type { SavedSource, SourceContext } from '../../../packages/coffre/src/source/source.ts';
import type { PostgresServer } from '../postgres.ts';

export type Warnings = { readonly lines: string[] };

/** @param programs folder of the programs that are found first */
export function contextFor(programs?: string, signal = new AbortController().signal): SourceContext & Warnings {
  const lines: string[] = [];
  const path = process.env['PATH'] ?? '/usr/bin';
  return {
    programs: createPrograms(process.env),
    searchPath: programs === undefined ? path : `${programs}:${path}`,
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder: tmpdir(),
    signal,
    warn: (line) => void lines.push(line),
    lines,
  };
}

export const usualSettings = {
  name: 'shop',
  databases: [],
  excludeDatabases: [],
  parallelOverBytes: 2 ** 40,
  jobs: 2,
  dumpArguments: [],
  sumsContent: true,
} as const;

export function settingsFor(server: PostgresServer, more: Partial<PostgresSettings> = {}): PostgresSettings {
  const address = addressOf({ socket: server.folder, port: server.port, user: 'coffre' });
  return { ...usualSettings, address, ...more };
}

export type Saved = SavedSource<PostgresTruth> & { readonly files: Map<string, Buffer> };

/** As a backup does it: every stream to its end, then the truth, as the manifest keeps it. */
export async function save(settings: PostgresSettings, context: SourceContext): Promise<Saved> {
  const files = new Map<string, Buffer>();
  await using dump = await postgresql.dump(settings, context);
  for (const { path, bytes } of dump.streams) {
    if (bytes instanceof Uint8Array) {
      files.set(toText(path), Buffer.from(bytes));
      continue;
    }
    const parts: Uint8Array[] = [];
    for await (const part of typeof bytes === 'function' ? bytes(context.signal) : bytes) parts.push(part);
    files.set(toText(path), Buffer.concat(parts));
  }
  const truth = postgresql.parseTruth(JSON.parse(JSON.stringify(await dump.truth([]))));
  return savedFrom(truth, files);
}

export function savedFrom(truth: PostgresTruth, files: Map<string, Buffer>): Saved {
  return {
    name: 'shop',
    truth,
    files,
    streams: [...files].map(([path, { length: sizeBytes }]) => ({ path, sizeBytes })),
    read: (path) => inPieces(files.get(path) ?? Buffer.alloc(0)),
  };
}

const pieceBytes = 50_001;

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

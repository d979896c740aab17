/** A MySQL source on a real server, saved into memory: what its tests share. */
import { tmpdir } from 'node:os';
import { createFiles, systemClock, toText } from '@coffre/repository';
import { createPrograms } from '../../../packages/coffre/src/platform/programs.ts';
import { mysql, type MysqlSettings, type MysqlTruth } from '../../../packages/coffre/src/source/mysql/mysql.ts';
import type { Session } from '../../../packages/coffre/src/source/mysql/session.ts';
import type { CheckStep, LoadTarget, SavedSource, SourceContext } from '../../../packages/coffre/src/source/source.ts';
import type { MariadbServer } from '../mariadb.ts';

export const everyStep = new Set<CheckStep>(['archive', 'open', 'schema', 'row_counts']);
export const archiveOnly = new Set<CheckStep>(['archive']);

export function contextFor(signal = new AbortController().signal): SourceContext & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    programs: createPrograms({ PATH: process.env['PATH'] }),
    searchPath: process.env['PATH'] ?? '/usr/bin',
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder: tmpdir(),
    signal,
    warn: (line) => void lines.push(line),
    lines,
  };
}

export function settingsFor(server: MariadbServer, more: Partial<MysqlSettings> = {}): MysqlSettings {
  return { name: 'shop', address: server.address, databases: [], excludeDatabases: [], dumpArguments: [], ...more };
}

export type Saved = SavedSource<MysqlTruth> & { readonly contents: ReadonlyMap<string, Buffer> };

/** As a backup does it: every stream to its end, then the truth, as the manifest keeps it. */
export async function save(
  settings: MysqlSettings,
  context: SourceContext = contextFor(),
  seen: () => Promise<void> = async () => undefined,
): Promise<Saved> {
  await mysql.preflight(settings, context, undefined);
  const contents = new Map<string, Buffer>();
  await using dump = await mysql.dump(settings, context);
  for (const { path, bytes } of dump.streams) {
    if (typeof bytes !== 'function') throw new Error('streams begin when they are asked for');
    const parts: Uint8Array[] = [];
    for await (const part of bytes(context.signal)) {
      parts.push(part);
      await seen();
    }
    contents.set(toText(path), Buffer.concat(parts));
  }
  const truth = mysql.parseTruth(JSON.parse(JSON.stringify(await dump.truth([]))));
  return savedAs(truth, contents);
}

export function savedAs(truth: MysqlTruth, contents: ReadonlyMap<string, Buffer>): Saved {
  return {
    name: 'shop',
    truth,
    contents,
    streams: [...contents].map(([path, bytes]) => ({ path, sizeBytes: bytes.byteLength })),
    async *read(path) {
      const bytes = contents.get(path) ?? Buffer.alloc(0);
      // Pieces that end anywhere.
      for (let at = 0; at < bytes.byteLength; at += 7001) yield bytes.subarray(at, at + 7001);
    },
  };
}

/** The same, with another content of one stream. */
export function withContent(saved: Saved, path: string, content: Buffer): Saved {
  return savedAs(saved.truth, new Map([...saved.contents, [path, content]]));
}

export async function load(
  saved: Saved,
  target: Partial<LoadTarget<MysqlSettings>>,
  context: SourceContext = contextFor(),
): Promise<string> {
  return await mysql.load(
    saved,
    { to: undefined, overwrite: false, only: [], settings: undefined, ...target },
    context,
  );
}

/** Content of every table, as the engine sums it up. */
export async function sumsOf(session: Session, database: string): Promise<Record<string, unknown>> {
  const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;
  const rows = await session.rows(
    `SHOW FULL TABLES FROM ${quoted(database)} WHERE Table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')`,
  );
  const sums: Record<string, unknown> = {};
  for (const row of rows) {
    const name = String(Object.values(row)[0]);
    const [sum] = await session.rows(`CHECKSUM TABLE ${quoted(database)}.${quoted(name)} EXTENDED`);
    sums[name] = sum?.['Checksum'];
  }
  return sums;
}

export { mysql };

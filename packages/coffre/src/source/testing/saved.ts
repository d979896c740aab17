/** Sources in tests, without a repository: what a dump gives is kept in memory, as a snapshot would keep it. */
import { createHash } from 'node:crypto';
import { createFiles, systemClock, toText, type SavedStream, type StreamSource } from '@coffre/repository';
import { createPrograms } from '../../platform/programs.ts';
import type { CheckStep, SavedSource, SourceContext, SourceType } from '../source.ts';

export const everyStep: ReadonlySet<CheckStep> = new Set(['archive', 'open', 'schema', 'row_counts']);

export function contextIn(temporaryFolder: string, signal = new AbortController().signal): SourceContext {
  return {
    programs: createPrograms(process.env),
    searchPath: `${process.env['PATH'] ?? ''}:/usr/bin:/usr/sbin`,
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder,
    signal,
    warn: () => undefined,
  };
}

export type InMemory<Truth> = SavedSource<Truth> & { readonly contents: ReadonlyMap<string, Buffer> };

/** The truth goes through JSON, as in a manifest. */
export function savedAs<Truth>(
  type: SourceType<never, Truth>,
  name: string,
  truth: Truth,
  contents: ReadonlyMap<string, Buffer>,
): InMemory<Truth> {
  return {
    name,
    truth: type.parseTruth(JSON.parse(JSON.stringify(truth))),
    streams: [...contents].map(([path, bytes]) => ({ path, sizeBytes: bytes.length })),
    async *read(path) {
      const bytes = contents.get(path) ?? Buffer.alloc(0);
      for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
    },
    contents,
  };
}

/** @param seen is told of every part */
export async function bytesOf(stream: StreamSource | undefined, seen?: () => void): Promise<Buffer> {
  const bytes = stream?.bytes ?? Buffer.alloc(0);
  if (bytes instanceof Uint8Array) return Buffer.from(bytes);
  const parts: Uint8Array[] = [];
  const content = typeof bytes === 'function' ? bytes(new AbortController().signal) : bytes;
  for await (const part of content) {
    parts.push(Uint8Array.from(part));
    seen?.();
  }
  return Buffer.concat(parts);
}

/** Preflight, dump, truth: as `save-sources.ts` goes through them. */
export async function saveInMemory<Settings extends { readonly name: string }, Truth>(
  type: SourceType<Settings, Truth>,
  settings: Settings,
  context: SourceContext,
  beforeEach?: () => Promise<void>,
): Promise<InMemory<Truth>> {
  await type.preflight(settings, context, undefined);
  await using dump = await type.dump(settings, context);
  const contents = new Map<string, Buffer>();
  const saved: SavedStream[] = [];
  for (const stream of dump.streams) {
    await beforeEach?.();
    const bytes = await bytesOf(stream);
    contents.set(toText(stream.path), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    saved.push({ path: stream.path, sizeBytes: bytes.length, sha256, content: [] });
  }
  return savedAs(type, settings.name, await dump.truth(saved), contents);
}

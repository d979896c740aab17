/** Saving and loading a MongoDB server through a repository in memory. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFiles, systemClock, toByteString, zeroCounters, type SnapshotId } from '@coffre/repository';
import { createSampleRepository } from '../../packages/repository/src/testing/sample-repository.ts';
import { loadManifest } from '../../packages/coffre/src/manifest/verify.ts';
import { createPrograms } from '../../packages/coffre/src/platform/programs.ts';
import { mongodb, type MongodbSettings, type MongodbTruth } from '../../packages/coffre/src/source/mongodb/mongodb.ts';
import type { SavedSource, SourceContext } from '../../packages/coffre/src/source/source.ts';
import { saveSources } from '../../packages/coffre/src/source-run/save-sources.ts';
import { openSavedSource } from '../../packages/coffre/src/source-run/saved-source.ts';
import { toolsPath } from './ferretdb.ts';

export type MongodbScene = Disposable & {
  readonly context: SourceContext;
  readonly warnings: string[];
  save(settings: MongodbSettings, signal?: AbortSignal): Promise<SavedSource<MongodbTruth>>;
  snapshotCount(): Promise<number>;
  /** What is left in the folder for temporary files. */
  leftovers(): string[];
};

export async function createMongodbScene(searchPath: string = toolsPath()): Promise<MongodbScene> {
  const { repository } = await createSampleRepository();
  const temporaryFolder = mkdtempSync(join(tmpdir(), 'coffre-mongo-'));
  const warnings: string[] = [];
  const context: SourceContext = {
    programs: createPrograms({ PATH: process.env['PATH'] }),
    searchPath,
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder,
    signal: new AbortController().signal,
    warn: (line) => void warnings.push(line),
  };
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    context,
    warnings,
    async save(settings, signal = context.signal) {
      const indexed = await repository.loadIndex();
      const { result } = await saveSources({
        indexed,
        sources: [{ kind: 'mongodb', settings }],
        context: { ...context, signal },
        key: privateKey,
        last: undefined,
        about: async () => ({
          at: '2026-01-02T03:04:05Z',
          host: 'h',
          program: { name: 'coffre', version: 'coffre 0', node: '26', sqlite: '3' },
          application: null,
          git: null,
        }),
        options: { workingFolder: toByteString('/'), signal, counters: zeroCounters() },
      });
      const snapshot = await repository.loadSnapshot(result.snapshotId as SnapshotId);
      const { manifest } = await loadManifest(indexed, snapshot.tree, signal);
      return openSavedSource(indexed, snapshot.tree, manifest.sources[0]!, signal).saved as SavedSource<MongodbTruth>;
    },
    snapshotCount: async () => (await repository.listSnapshots()).length,
    leftovers: () => readdirSync(temporaryFolder),
    [Symbol.dispose]: () => rmSync(temporaryFolder, { recursive: true, force: true }),
  };
}

export { mongodb };

/** The same saved source with other bytes. */
export function withBytes(
  saved: SavedSource<MongodbTruth>,
  change: (bytes: Buffer) => Buffer,
): SavedSource<MongodbTruth> {
  return {
    ...saved,
    read: async function* (path) {
      const parts: Uint8Array[] = [];
      for await (const part of saved.read(path)) parts.push(part);
      yield change(Buffer.concat(parts));
    },
  };
}

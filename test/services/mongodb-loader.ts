/** A process of its own that loads what the test saved, and is killed by it. */
import { mkdirSync, readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { createFiles, systemClock } from '@coffre/repository';
import { createPrograms } from '../../packages/coffre/src/platform/programs.ts';
import { mongodb, type MongodbTruth } from '../../packages/coffre/src/source/mongodb/mongodb.ts';

const [file = '', to = '', temporaryFolder = '', searchPath = ''] = process.argv.slice(2);
type Kept = { truth: MongodbTruth; streams: { path: string; sizeBytes: number }[]; contents: Map<string, Uint8Array> };
const { truth, streams, contents } = deserialize(readFileSync(file)) as Kept;
mkdirSync(temporaryFolder, { recursive: true });
await mongodb.load(
  {
    name: 'db',
    truth,
    streams,
    async *read(path) {
      const bytes = contents.get(path) ?? new Uint8Array();
      for (let at = 0; at < bytes.byteLength; at += 50_000) yield bytes.subarray(at, at + 50_000);
    },
  },
  { to, overwrite: true, only: [], settings: undefined },
  {
    programs: createPrograms({ PATH: process.env['PATH'] }),
    searchPath,
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder,
    signal: new AbortController().signal,
    warn: () => undefined,
  },
);

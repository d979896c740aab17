import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Backend } from '../backend/backend.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import { walkTree } from '../browse/walk.ts';
import { databaseProfile } from '../chunker/profile.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createFiles, type Files } from '../host/files.ts';
import type { BlobId } from '../ids.ts';
import { openRepository, type Repository } from '../repository.ts';
import { withFaults } from '../testing/faults.ts';
import { createSampleRepository, samplePassword } from '../testing/sample-repository.ts';
import { backup, type BackupOptions } from './backup.ts';
import type { SavedContent } from './closing.ts';
import type { ContentJudge } from './content-judge.ts';
import { journalLine, ResumeJournal } from './journal.ts';
import { zeroCounters } from './report.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-sums-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const MiB = 1024 * 1024;
const real = createFiles();
/** Others make files in the folder above meanwhile. */
const above = real.lstat(toByteString(tmpdir()));
const calmFiles: Files = { ...real, lstat: (at) => (at === tmpdir() ? above : real.lstat(at)) };

function folder(name: string, files: Record<string, Buffer>): string {
  const path = join(scratch, name);
  mkdirSync(path);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(path, file), bytes);
  return path;
}

type Sums = ReadonlyMap<string, { sha256: string | undefined; content: readonly BlobId[] }>;

/** What a closing hears of each file. */
async function sumsOf(
  repository: Repository,
  path: string,
  more: Partial<BackupOptions> & { needsSums?: boolean } = {},
): Promise<{ sums: Sums; tree: BlobId }> {
  const indexed = await repository.loadIndex();
  const { needsSums = true, ...options } = more;
  const sums = new Map<string, { sha256: string | undefined; content: readonly BlobId[] }>();
  const make = async (saved: SavedContent): Promise<[]> => {
    await walkTree(indexed, saved.tree as BlobId, {
      entry: (at, { type, content }) => {
        if (type !== 'file') return;
        sums.set(at.replace(`${path}/`, ''), { sha256: saved.sums.of(content ?? []), content: content ?? [] });
      },
    });
    return [];
  };
  const { snapshot } = await backup(indexed, {
    paths: [toByteString(path)],
    workingFolder: '/' as ByteString,
    parent: 'none',
    threads: 3,
    closing: { paths: [], needsSums, make },
    ...options,
  });
  return { sums, tree: snapshot.tree };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function restored(repository: Repository, content: readonly BlobId[]): Promise<Buffer> {
  const indexed = await repository.loadIndex();
  const parts: Buffer[] = [];
  for (const id of content) parts.push(Buffer.from(await indexed.loadBlob('data', id)));
  return Buffer.concat(parts);
}

function loadsOf(backend: Backend): { backend: Backend; data: () => number } {
  let data = 0;
  return {
    data: () => data,
    backend: {
      ...backend,
      async load(file, options) {
        if (file.kind === 'data' && file.holdsTrees !== true) data += 1;
        return await backend.load(file, options);
      },
    },
  };
}

test('every file is hashed while it is read, whatever its size, and no pack is read back', async () => {
  const { backend, data } = loadsOf(createMemoryBackend());
  const { repository } = await createSampleRepository({ backend });
  const files = {
    empty: Buffer.alloc(0),
    'one byte': Buffer.from('x'),
    'one piece': randomBytes(300_000),
    'some pieces': randomBytes(9 * MiB),
    'a segment': randomBytes(16 * MiB),
    'a segment and a byte': randomBytes(16 * MiB + 1),
    long: randomBytes(50_000_000),
  };
  const path = folder('sizes', files);
  const sparse = openSync(join(path, 'sparse'), 'w');
  writeSync(sparse, 'begin', 0);
  writeSync(sparse, 'end', 40 * MiB);
  closeSync(sparse);
  const { sums } = await sumsOf(repository, path);
  assert.equal(data(), 0);
  assert.equal(sums.size, 8);
  for (const [name, { sha256: sum, content }] of sums) {
    assert.equal(sum, sha256(readFileSync(join(path, name))), name);
    assert.equal(sum, sha256(await restored(repository, content)), name);
  }
  assert.ok((sums.get('some pieces')?.content.length ?? 0) > 1);
});

test('who does not ask gets no more than the ids tell, and the same tree', async () => {
  const path = folder('not asked', { small: Buffer.from('x'), large: randomBytes(9 * MiB) });
  const { repository } = await createSampleRepository();
  const asked = await sumsOf(repository, path, { files: calmFiles });
  const silent = await sumsOf(repository, path, { files: calmFiles, needsSums: false });
  assert.equal(asked.tree, silent.tree);
  assert.equal(silent.sums.get('small')?.sha256, sha256(Buffer.from('x')));
  assert.equal(silent.sums.get('large')?.sha256, undefined);
  assert.notEqual(asked.sums.get('large')?.sha256, undefined);
});

test('of a file that changes between its listing and its last byte, the hash is that of what was saved', async () => {
  const bytes = randomBytes(36_000_000);
  const changes: [string, (path: string) => void][] = [
    ['cut inside the first segment', (path) => truncateSync(path, 1_000_000)],
    ['cut inside the second segment', (path) => truncateSync(path, 20_000_000)],
    ['cut to nothing', (path) => truncateSync(path, 0)],
    ['grown', (path) => appendFileSync(path, bytes.subarray(0, 20_000_000))],
    ['written over', (path) => writeFileSync(path, bytes.toReversed())],
  ];
  for (const [name, change] of changes) {
    for (const sizeBytes of [bytes.byteLength, 4_000_000]) {
      const path = folder(`${name} ${sizeBytes}`, { file: bytes.subarray(0, sizeBytes) });
      let done = false;
      const files: Files = {
        ...real,
        fstat: (fd) => {
          const stat = real.fstat(fd);
          if (!done) change(join(path, 'file'));
          done = true;
          return stat;
        },
      };
      const { repository } = await createSampleRepository();
      const { sums } = await sumsOf(repository, path, { files });
      const { sha256: sum, content } = sums.get('file') ?? { content: [] };
      assert.equal(sum, sha256(await restored(repository, content)), `${name}, ${sizeBytes} bytes`);
      const now = readFileSync(join(path, 'file'));
      // A short file is read by a thread, which sees only what is there then.
      const expected = sizeBytes > 16 * MiB ? now.subarray(0, sizeBytes) : now;
      if (name !== 'grown' || sizeBytes < 16 * MiB) assert.equal(sum, sha256(expected), `${name}, ${sizeBytes} bytes`);
    }
  }
});

test('a judged file of several pieces is hashed, and so is what is cut finer', async () => {
  const judge: ContentJudge = { judges: (path) => path.endsWith('state'), faultOf: async () => undefined };
  const files = { state: randomBytes(9 * MiB), other: randomBytes(3 * MiB), long: randomBytes(20 * MiB) };
  const path = folder('judged', files);
  const { repository } = await createSampleRepository();
  const { sums } = await sumsOf(repository, path, { judge, profile: databaseProfile });
  for (const [name, bytes] of Object.entries(files)) assert.equal(sums.get(name)?.sha256, sha256(bytes), name);
});

test('an interrupted backup leaves the hashes of what it had read to the next one', async () => {
  const memory = createMemoryBackend();
  const { repository, host } = await createSampleRepository({ backend: memory });
  const files = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`f${i}`, randomBytes(i === 0 ? 20 * MiB : 5 * MiB)]),
  );
  const path = folder('journal', files);
  const journalPath = join(scratch, 'journal.jsonl');
  const options = { journalPath, packTargetBytes: 1_000_000 };
  // There are about 37.
  let saves = 0;
  const faulty = await openRepository({
    backend: withFaults(memory, (call) =>
      call.operation === 'save' && call.kind === 'data' && ++saves === 22 ? { kind: 'crash' } : undefined,
    ),
    host,
    password: samplePassword,
  });
  await assert.rejects(sumsOf(faulty, path, options));
  const lines = readFileSync(journalPath, 'latin1').trimEnd().split('\n');
  const hashed = lines.filter((line) => line.includes('"s":"'));
  assert.ok(hashed.length >= 2, `${hashed.length} files in the journal`);
  const counters = zeroCounters();
  const { sums } = await sumsOf(repository, path, { ...options, counters });
  assert.equal(sums.size, 8);
  for (const [name, { sha256: sum }] of sums) assert.equal(sum, sha256(files[name] as Buffer), name);
  assert.ok(counters.bytesRead < 51 * MiB, `${counters.bytesRead} bytes were read again`);
});

test('a hash in the journal that was bent is no hash, and its file is still known', () => {
  const at = toByteString(scratch);
  const stat = real.lstat(at);
  const content = [sha256(Buffer.from('a')), sha256(Buffer.from('b'))] as string[] as BlobId[];
  const [good, bad] = [sha256(Buffer.from('ab')), sha256(Buffer.from('ba'))];
  const line = journalLine(at, stat, content, good);
  const found = [line, line.replace(good, bad), journalLine(at, stat, content, undefined)].map((text, i) => {
    const path = join(scratch, `journal ${i}`);
    writeFileSync(path, `${text}\n`, 'latin1');
    return new ResumeJournal(path).find(at, stat);
  });
  assert.deepEqual(found, [
    { content, sha256: good },
    { content, sha256: undefined },
    { content, sha256: undefined },
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError } from '@coffre/repository';
import { followArchive } from './archive-stream.ts';
import { readHead, settleTime, type ArchiveHead } from './archive.ts';
import { entriesOfTables, useList } from './table-entries.ts';

type Piece = { readonly kind: 'rows' | 'objects'; readonly pieces: readonly Uint8Array[] };
type Drawn = {
  readonly minor: number;
  readonly year: number;
  readonly tags: readonly string[];
  readonly blocks: readonly Piece[];
};

function int(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
}

function text(value: string | undefined): Buffer {
  if (value === undefined) return int(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([int(bytes.length), bytes]);
}

/** As pg_dump writes it to a pipe. */
function archiveOf({ minor, year, tags, blocks }: Drawn): Buffer {
  const entry = (id: number, tag: string, hasData: boolean): Buffer =>
    Buffer.concat([
      int(id),
      int(hasData ? 1 : 0),
      ...['1259', '16384', tag, hasData ? 'TABLE DATA' : 'TABLE'].map(text),
      int(3),
      ...['CREATE …', 'DROP …', undefined, 'public', ''].map(text),
      ...(minor >= 14 ? [text('heap')] : []),
      ...(minor >= 16 ? [int(114)] : []),
      ...['ann', 'false', '1', undefined].map(text),
      Buffer.from([1]),
      Buffer.alloc(8),
    ]);
  const block = ({ kind, pieces }: Piece, at: number): Buffer => {
    const data = [...pieces.flatMap((piece) => [int(piece.length), piece]), int(0)];
    const id = int(100 + at);
    return kind === 'rows'
      ? Buffer.concat([Buffer.from([1]), id, ...data])
      : Buffer.concat([Buffer.from([3]), id, int(16_500), ...data, int(0)]);
  };
  return Buffer.concat([
    Buffer.from('PGDMP'),
    Buffer.from([1, minor, 0, 4, 8, 1]),
    minor >= 15 ? Buffer.from([0]) : int(0),
    ...[59, 58, 23, 31, 11, year - 1900, 1].map(int),
    ...['shop', '15.1', '15.1'].map(text),
    int(tags.length + blocks.length),
    ...tags.map((tag, at) => entry(1 + at, tag, false)),
    ...blocks.map((_, at) => entry(100 + at, `data ${at}`, true)),
    ...blocks.map(block),
  ]);
}

const drawn = fc.record({
  minor: fc.integer({ min: 12, max: 16 }),
  year: fc.integer({ min: 2001, max: 2100 }),
  tags: fc.array(fc.string(), { maxLength: 4 }),
  blocks: fc.array(
    fc.record({
      kind: fc.constantFrom('rows' as const, 'objects' as const),
      pieces: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 3 }),
    }),
    { maxLength: 4 },
  ),
});

async function* inPieces(bytes: Buffer, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield Buffer.from(bytes.subarray(at, at + sizeBytes));
}

async function followed(bytes: Buffer, sizeBytes: number): Promise<{ bytes: Buffer; head: ArchiveHead | undefined }> {
  const parts: Uint8Array[] = [];
  let head: ArchiveHead | undefined;
  const onHead = (found: ArchiveHead | undefined): void => void (head = found);
  for await (const part of followArchive(inPieces(bytes, sizeBytes), { onHead })) parts.push(part);
  return { bytes: Buffer.concat(parts), head };
}

test('an archive of every version passes in any pieces, as it was but for its time', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, fc.integer({ min: 1, max: 300 }), async (parts, sizeBytes) => {
      const archive = archiveOf(parts);
      const { bytes, head } = await followed(archive, sizeBytes);
      assert.equal(head?.entries.length, parts.tags.length + parts.blocks.length);
      assert.deepEqual(
        head?.entries.slice(0, parts.tags.length).map(({ tag }) => tag),
        parts.tags,
      );
      const settled = Buffer.from(archive);
      settleTime(settled);
      assert.ok(bytes.equals(settled));
      assert.ok(
        bytes.equals((await followed(archiveOf({ ...parts, year: 2099 }), 1000)).bytes),
        'whenever it was made',
      );
    }),
  );
});

test('an archive that is cut anywhere, or goes on too long, is never whole', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, fc.nat(), fc.integer({ min: 1, max: 300 }), async (parts, where, sizeBytes) => {
      const archive = archiveOf(parts);
      const cut = archive.subarray(0, where % archive.length);
      await assert.rejects(followed(Buffer.from(cut), sizeBytes), { code: 'SOURCE_INVALID' });
      const longer = Buffer.concat([archive, Buffer.from([1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0])]);
      await assert.rejects(followed(longer, sizeBytes), { code: 'SOURCE_INVALID' });
    }),
    { numRuns: 500 },
  );
});

test('bytes that are no archive never crash the reader', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, fc.nat(), fc.nat({ max: 255 }), async (parts, where, value) => {
      const archive = archiveOf(parts);
      archive[where % archive.length] = value;
      // Whole, refused, or of a version that is not known here: anything but another kind of error.
      await followed(archive, 64).catch((error: unknown) => assert.ok(isCoffreError(error, 'SOURCE_INVALID')));
    }),
    { numRuns: 500 },
  );
});

test('a version that is not known yet passes as it is, and its head is nobody’s to read', async () => {
  const archive = archiveOf({ minor: 16, year: 2026, tags: ['t'], blocks: [] });
  archive[6] = 17;
  const { bytes, head } = await followed(archive, 50);
  assert.ok(bytes.equals(archive));
  assert.equal(head, undefined);
  assert.equal(readHead(archive), undefined);
});

test('a table is taken with all that hangs on it, and with what it needs where nothing is yet', () => {
  const entry = (id: number, kind: string, tag: string, dependencies: readonly number[] = []) => ({
    id,
    kind,
    tag,
    dependencies,
    hasData: kind === 'TABLE DATA',
    schema: 'public',
    owner: 'ann',
    definition: '',
    file: undefined,
  });
  const entries = [
    entry(1, 'ENCODING', 'ENCODING'),
    entry(2, 'TYPE', 'mood'),
    entry(3, 'TABLE', 'customers'),
    entry(4, 'TABLE', 'orders', [2]),
    entry(5, 'SEQUENCE', 'orders_id_seq', [4]),
    entry(6, 'SEQUENCE OWNED BY', 'orders_id_seq', [5, 4]),
    entry(7, 'DEFAULT', 'orders id', [5, 4]),
    entry(8, 'VIEW', 'rich', [4]),
    entry(9, 'TABLE DATA', 'orders', [4]),
    entry(10, 'TABLE DATA', 'customers', [3]),
    entry(11, 'SEQUENCE SET', 'orders_id_seq', [5]),
    entry(12, 'INDEX', 'orders_total', [4]),
    entry(13, 'COMMENT', 'INDEX orders_total', [12]),
    entry(14, 'FK CONSTRAINT', 'orders orders_customer_fkey', [4, 3]),
  ];
  const head: ArchiveHead = {
    format: 'custom',
    database: 'shop',
    serverVersion: '15',
    toolVersion: '15',
    entries,
    lengthBytes: 0,
    intBytes: 4,
  };
  const orders = {
    kind: 'table',
    schema: 'public',
    name: 'orders',
    columns: '',
    definition: '',
    rows: 1,
    contentSum: null,
  };
  assert.deepEqual(entriesOfTables(head, [orders], false), {
    ids: [1, 4, 5, 6, 7, 9, 11, 12, 13, 14],
    leftOut: [],
  });
  assert.deepEqual(entriesOfTables(head, [orders], true), {
    ids: [1, 2, 4, 5, 6, 7, 9, 11, 12, 13],
    leftOut: ['orders orders_customer_fkey'],
  });
  assert.equal(useList([4, 9]), '4; 0 0\n9; 0 0\n');
});

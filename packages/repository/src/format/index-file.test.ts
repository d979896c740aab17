/** Index files in both readings, and pack headers, which say the same of one pack. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { BlobId, IndexId, PackId } from '../ids.ts';
import { decodeHexId } from './hex.ts';
import { encodeIndexFile, parseIndexFile, type IndexedBlob, type IndexedPack, type IndexFile } from './index-file.ts';
import { scanIndexFile } from './index-scan.ts';
import { encodeHeader, packSizeOf, parseHeader, type HeaderEntry } from './pack-header.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const hexIds = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));

const blobs: fc.Arbitrary<IndexedBlob> = fc
  .record(
    {
      id: hexIds as fc.Arbitrary<BlobId>,
      type: fc.constantFrom('data' as const, 'tree' as const),
      offset: u32,
      length: fc.integer({ min: 32, max: 2 ** 32 - 1 }),
      uncompressedLength: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    },
    { requiredKeys: ['id', 'type', 'offset', 'length'] },
  )
  .map((blob) => ({ ...blob }));

const headerEntries: fc.Arbitrary<HeaderEntry> = blobs.map(({ id, type, length, uncompressedLength }) =>
  uncompressedLength === undefined ? { id, type, length } : { id, type, length, uncompressedLength },
);

const packs: fc.Arbitrary<IndexedPack> = fc
  .record(
    {
      id: hexIds as fc.Arbitrary<PackId>,
      blobs: fc.array(blobs, { maxLength: 4 }),
      time: fc.constant('2024-01-01T00:00:00Z'),
      size: u32,
    },
    { requiredKeys: ['id', 'blobs'] },
  )
  .map((pack) => ({ ...pack }));

const files: fc.Arbitrary<IndexFile> = fc
  .record(
    {
      packs: fc.array(packs, { maxLength: 4 }),
      supersedes: fc.array(hexIds as fc.Arbitrary<IndexId>, { minLength: 1, maxLength: 2 }),
      packsToDelete: fc.array(packs, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: ['packs'] },
  )
  .map((file) => ({ ...file }));

/** What a scan tells, as packs again; ids decoded from their place. */
function scanned(bytes: Uint8Array): IndexedPack[] {
  const found: { id: PackId; blobs: IndexedBlob[] }[] = [];
  const idAt = (source: Uint8Array, at: number): string => {
    const id = Buffer.alloc(34, 0xee);
    decodeHexId(source, at, id, 1);
    assert.equal(id[0], 0xee);
    assert.equal(id[33], 0xee);
    return id.toString('hex', 1, 33);
  };
  scanIndexFile(bytes, {
    pack: (source, at) => found.push({ id: idAt(source, at) as PackId, blobs: [] }),
    blob: (source, at, type, offset, length, uncompressedLength) => {
      const blob = { id: idAt(source, at) as BlobId, type, offset, length };
      found.at(-1)?.blobs.push(uncompressedLength === 0 ? blob : { ...blob, uncompressedLength });
    },
  });
  return found;
}

function withoutExtras(list: readonly IndexedPack[]): IndexedPack[] {
  return list.map(({ id, blobs: entries }) => ({ id, blobs: entries }));
}

test('any index file survives being written, read either way', () => {
  fc.assert(
    fc.property(files, (file) => {
      const bytes = encodeIndexFile(file);
      assert.deepEqual(parseIndexFile(bytes), file);
      assert.deepEqual(scanned(bytes), withoutExtras(file.packs));
    }),
    { numRuns: 300 },
  );
});

test('the text is the one that restic writes', () => {
  const id = '0a'.repeat(32);
  const file: IndexFile = {
    packs: [
      {
        id: id as PackId,
        blobs: [
          { id: id as BlobId, type: 'data', offset: 0, length: 100, uncompressedLength: 200 },
          { id: id as BlobId, type: 'tree', offset: 100, length: 50 },
        ],
      },
    ],
  };
  assert.equal(
    encodeIndexFile(file).toString(),
    `{"packs":[{"id":"${id}","blobs":[{"id":"${id}","type":"data","offset":0,"length":100,"uncompressed_length":200},` +
      `{"id":"${id}","type":"tree","offset":100,"length":50}]}]}\n`,
  );
  assert.equal(encodeIndexFile({ packs: [] }).toString(), '{"packs":[]}\n');
});

test('unusual spellings are read through the ordinary parser, each blob once, wherever the surprise stands', () => {
  fc.assert(
    fc.property(files, fc.nat(), (file, seed) => {
      const text = encodeIndexFile(file).toString();
      const places = [...text.matchAll(/[,:[\]{}]/g)].map((match) => match.index);
      const at = places[seed % places.length] ?? 0;
      assert.deepEqual(scanned(Buffer.from(`${text.slice(0, at)} ${text.slice(at)}`)), withoutExtras(file.packs));
      assert.deepEqual(scanned(Buffer.from(JSON.stringify(JSON.parse(text), null, 2))), withoutExtras(file.packs));
    }),
  );
});

test('a cut or damaged index file is an error in both readings', () => {
  const id = '0a'.repeat(32);
  const good = `{"packs":[{"id":"${id}","blobs":[{"id":"${id}","type":"data","offset":0,"length":100}]}]}\n`;
  const wrong = [
    good.slice(0, -5),
    good.replace('"data"', '"date"'),
    good.replace('"offset":0', '"offset":-1'),
    good.replace('"offset":0', '"offset":4294967296'),
    good.replace('"offset":0', '"offset":00'),
    good.replace('"offset":0', '"offset":0.5'),
    good.replace('"offset":0', '"offset":99999999999'),
    good.replace('"length":100', '"length":"100"'),
    good.replace('"length":100', '"long":100'),
    `${good}x`,
    '',
    '[]x',
    'null',
  ];
  for (const text of wrong) {
    assert.throws(() => parseIndexFile(Buffer.from(text)), { code: 'REPO_FILE_DAMAGED' }, text);
    assert.throws(() => scanned(Buffer.from(text)), { code: 'REPO_FILE_DAMAGED' }, text);
  }
  for (const bad of ['0A'.repeat(32), `${'0a'.repeat(31)}0g`]) {
    const text = good.replaceAll(id, bad);
    assert.throws(() => parseIndexFile(Buffer.from(text)), { code: 'REPO_FILE_DAMAGED' });
    assert.throws(() => scanned(Buffer.from(text)), { code: 'ID_MALFORMED' });
  }
});

test('any pack header survives being written', () => {
  const entries = fc.array(headerEntries);
  fc.assert(
    fc.property(entries, (list) => {
      const header = encodeHeader(list);
      assert.deepEqual(parseHeader(header), list);
      const bodyBytes = list.reduce((sum, { length }) => sum + length, 0);
      assert.equal(packSizeOf(list), bodyBytes + header.length + 32 + 4);
    }),
  );
});

test('a pack header is laid out as documented', () => {
  const id = `00${'11'.repeat(31)}` as BlobId;
  assert.equal(
    encodeHeader([
      { type: 'tree', id, length: 0x01020304 },
      { type: 'data', id, length: 0x20, uncompressedLength: 0x0a0b },
    ]).toString('hex'),
    ['01', '04030201', id, '02', '20000000', '0b0a0000', id].join(''),
  );
});

test('a header that is cut, of an unknown kind or with an impossible length is damaged', () => {
  const good = encodeHeader([{ type: 'data', id: '11'.repeat(32) as BlobId, length: 40 }]);
  for (const bad of [good.subarray(0, 36), Buffer.concat([good, good.subarray(0, 1)])]) {
    assert.throws(() => parseHeader(bad), { code: 'REPO_PACK_DAMAGED' });
  }
  for (const [at, byte] of [
    [0, 4],
    [0, 2],
    [1, 31],
  ] as const) {
    const bad = Buffer.from(good);
    bad[at] = byte;
    assert.throws(() => parseHeader(bad), { code: 'REPO_PACK_DAMAGED' });
  }
  assert.deepEqual(parseHeader(Buffer.alloc(0)), []);
});

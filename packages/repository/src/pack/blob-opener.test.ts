import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { compressBlob } from '../compress/zstd.ts';
import { ChunkDigests } from '../crypto/chunk-digests.ts';
import { sha256 } from '../crypto/hash.ts';
import { compileLanes } from '../crypto/sha256-lanes/engine.ts';
import type { LaneEngine } from '../crypto/sha256-lanes/lanes.ts';
import { createSealer, randomMasterKey, sealOverheadBytes } from '../crypto/seal.ts';
import { isCoffreError } from '../errors.ts';
import { idFromBytes, type BlobId } from '../ids.ts';
import { BlobOpener } from './blob-opener.ts';
import { placesOf, type SealedPlace } from './sealed-places.ts';
import { createNativeCipher } from './native-cipher.ts';

const random = { bytes: (size: number) => randomBytes(size) };
const key = randomMasterKey(random);
const sealer = createSealer(key);

test('the native opener opens what node:crypto sealed, and refuses every changed bit', (t) => {
  using opener = createNativeCipher(key);
  if (opener === undefined) return t.skip('this Node keeps OpenSSL to itself');
  for (const size of [0, 1, 15, 16, 17, 63, 64, 65, 1000, 300_000]) {
    const plain = randomBytes(size);
    const message = sealer.seal(plain, random);
    const out = Buffer.alloc(size + 3, 7);
    opener.openInto(message, out);
    assert.ok(out.subarray(0, size).equals(plain));
    assert.deepEqual([...out.subarray(size)], [7, 7, 7], 'nothing is written behind the plaintext');
    for (const at of [0, 15, 16, message.length - 17, message.length - 16, message.length - 1]) {
      const changed = Buffer.from(message);
      changed[at] = (changed[at] as number) ^ 0x10;
      assert.throws(
        () => opener.openInto(changed, out),
        (error) => isCoffreError(error, 'SEAL_BROKEN'),
        `size ${size}, byte ${at}`,
      );
    }
  }
  const message = sealer.seal(Buffer.from('too little room'), random);
  assert.throws(() => opener.openInto(message, Buffer.alloc(3)));
  assert.throws(() => opener.openInto(message.subarray(0, sealOverheadBytes - 1), Buffer.alloc(3)));
});

type Blob = { readonly plain: Buffer; readonly sealed: Buffer; readonly place: SealedPlace };

function packOf(plains: readonly Buffer[]): { bytes: Buffer; blobs: Blob[] } {
  const blobs: Blob[] = [];
  let offset = 5;
  for (const plain of plains) {
    const packed = compressBlob(plain, 'auto');
    const sealed = sealer.seal(packed ?? plain, random);
    const id = idFromBytes<BlobId>(sha256(plain));
    const size = packed === undefined ? {} : { uncompressedLength: plain.length };
    blobs.push({ plain, sealed, place: { id, offset, length: sealed.length, ...size } });
    offset += sealed.length;
  }
  return { bytes: Buffer.concat([Buffer.alloc(5), ...blobs.map(({ sealed }) => sealed)]), blobs };
}

/** One after the other, and side by side. */
const engines = [undefined, { module: compileLanes(), gain: 8 }];

function openAll(
  bytes: Buffer,
  places: readonly SealedPlace[],
  engine: LaneEngine | undefined,
): Map<number, Buffer | undefined> {
  using opener = new BlobOpener(key, new ChunkDigests(engine));
  const opened = new Map<number, Buffer | undefined>();
  opener.openEach(bytes, placesOf(places), (number, plain) => {
    assert.ok(!opened.has(number));
    opened.set(number, plain === undefined ? undefined : Buffer.from(plain));
  });
  return opened;
}

test('blobs of every size come out whole, more of them than fit into memory at once', () => {
  const plains = Array.from({ length: 90 }, (_, i) =>
    i % 2 === 0 ? randomBytes(i * 9000) : Buffer.alloc(i * 30_000, `text ${i} `),
  );
  plains.push(Buffer.alloc(30_000_000, 'larger than all the room there is '));
  const { bytes, blobs } = packOf(plains);
  const places = blobs.map(({ place }) => place);
  for (const engine of engines) {
    const opened = openAll(bytes, places, engine);
    assert.equal(opened.size, plains.length);
    for (const [i, plain] of plains.entries()) assert.ok(opened.get(i)?.equals(plain), `blob ${i}`);
  }
});

test('a damaged, mislabelled or wrongly sized blob is reported, and its neighbours open', () => {
  const { bytes, blobs } = packOf([
    Buffer.alloc(5000, 'abc'),
    randomBytes(5000),
    Buffer.alloc(5000, 'xyz'),
    randomBytes(10),
    Buffer.alloc(900, 'q'),
  ]);
  const places = blobs.map(({ place }) => place);
  const [first, second, third, fourth, fifth] = places as [
    SealedPlace,
    SealedPlace,
    SealedPlace,
    SealedPlace,
    SealedPlace,
  ];
  bytes[second.offset + 20] = (bytes[second.offset + 20] as number) ^ 1;
  const asked = [
    first,
    second,
    { ...third, uncompressedLength: 4999 },
    { ...fourth, id: first.id },
    { ...fifth, uncompressedLength: 0 },
    { ...first, offset: bytes.length - 10 },
    third,
  ];
  for (const engine of engines) {
    const opened = openAll(bytes, asked, engine);
    assert.deepEqual(
      new Map([...opened].map(([number, plain]) => [number, plain !== undefined])),
      new Map([
        [0, true],
        [1, false],
        [2, false],
        [3, false],
        [4, false],
        [5, false],
        [6, true],
      ]),
    );
  }
});

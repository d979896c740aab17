import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { compressBlob } from '../compress/zstd.ts';
import { sha256 } from '../crypto/hash.ts';
import { createSealer, randomMasterKey } from '../crypto/seal.ts';
import { compileLanes } from '../crypto/sha256-lanes/engine.ts';
import { encodeHeader } from '../format/pack-header.ts';
import { idFromBytes, type BlobId, type PackId } from '../ids.ts';
import { PackChecker } from './check-pack.ts';
import { expectedOf, packPayload, type ExpectedBlob, type PackPayload } from './check-payload.ts';

const random = { bytes: (size: number) => randomBytes(size) };
const key = randomMasterKey(random);
const sealer = createSealer(key);
const lanes = { module: compileLanes(), gain: 8 };

function packOf(plains: readonly Buffer[]): PackPayload {
  const blobs: ExpectedBlob[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [i, plain] of plains.entries()) {
    const packed = compressBlob(plain, 'auto');
    const sealed = sealer.seal(packed ?? plain, random);
    const size = packed === undefined ? {} : { uncompressedLength: plain.byteLength };
    const type = i % 3 === 0 ? 'tree' : 'data';
    blobs.push({ type, id: idFromBytes<BlobId>(sha256(plain)), offset, length: sealed.byteLength, ...size });
    parts.push(sealed);
    offset += sealed.byteLength;
  }
  const header = sealer.seal(encodeHeader(blobs), random);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.byteLength);
  return payloadOf(Buffer.concat([...parts, header, length]), blobs);
}

function payloadOf(bytes: Buffer, blobs: readonly ExpectedBlob[]): PackPayload {
  return packPayload(idFromBytes<PackId>(sha256(bytes)), bytes, blobs);
}

function checkAll(packs: readonly PackPayload[], engine: typeof lanes | undefined): string[][] {
  using checker = new PackChecker(key, engine);
  return checker.check(packs);
}

function somePacks(): PackPayload[] {
  return [
    packOf([randomBytes(700_001), Buffer.alloc(3_000_000, 'text '), randomBytes(63), Buffer.alloc(1)]),
    packOf([randomBytes(10)]),
    packOf(Array.from({ length: 300 }, (_, i) => randomBytes(i * 97))),
    packOf([randomBytes(2_500_000), randomBytes(1_500_000)]),
    packOf([Buffer.alloc(0), randomBytes(100_000)]),
  ];
}

test('packs that are right are found right, one by one and side by side', () => {
  for (const engine of [undefined, lanes]) {
    const packs = somePacks();
    for (const count of [1, 2, 3, 4, 5]) {
      assert.deepEqual(
        checkAll(packs.slice(0, count), engine),
        packs.slice(0, count).map(() => []),
      );
    }
  }
});

test('a checker goes on after packs with faults', () => {
  using checker = new PackChecker(key, lanes);
  const packs = somePacks();
  (packs[0] as PackPayload).bytes[5] = ((packs[0] as PackPayload).bytes[5] as number) ^ 1;
  assert.equal(checker.check(packs).filter((problems) => problems.length > 0).length, 1);
  assert.ok(checker.check(somePacks()).every((problems) => problems.length === 0));
});

test('every byte of a pack counts, and its neighbours are found right', () => {
  for (const engine of [undefined, lanes]) {
    const packs = somePacks();
    const [pack] = packs as [PackPayload];
    const last = pack.bytes.byteLength - 1;
    for (const at of [0, 20, 700_001 + 31, last - 4 - 16, last - 3, last]) {
      const bytes = Buffer.from(pack.bytes);
      bytes[at] = (bytes[at] as number) ^ 0x20;
      const [found, ...others] = checkAll([{ ...pack, bytes }, ...packs.slice(1)], engine);
      assert.match((found as string[]).join(), /unexpected pack id/, `byte ${at}`);
      assert.ok(others.every((problems) => problems.length === 0));
    }
    const [cut] = checkAll([{ ...pack, bytes: pack.bytes.subarray(0, 1_000) }, ...packs.slice(1)], engine);
    assert.match((cut as string[]).join(), /beyond the end of the file.*unexpected pack id/);
  }
});

test('what the index says is compared with what the pack says', () => {
  const pack = packOf([randomBytes(500), randomBytes(600), Buffer.alloc(9000, 'abc')]);
  const bytes = Buffer.from(pack.bytes);
  const blobs = expectedOf(pack);
  const [first, second, third] = blobs as [ExpectedBlob, ExpectedBlob, ExpectedBlob];
  const cases: [string, readonly ExpectedBlob[], RegExp][] = [
    ['nothing', [], /empty or not indexed/],
    ['a gap', [first, third], /gaps/],
    ['one too few', [first, second], /header size/],
    ['another type', [{ ...first, type: 'data' }, second, third], /not contained in index/],
    ['another id', [first, { ...second, id: first.id }, third], /do not match its id.*not contained in index/],
    ['another size', [first, second, { ...third, uncompressedLength: 8999 }], /blob .*not contained in index/],
  ];
  for (const engine of [undefined, lanes]) {
    for (const [what, expected, sentence] of cases) {
      const [problems] = checkAll([payloadOf(bytes, expected), ...somePacks()], engine);
      assert.match((problems as string[]).join(), sentence, what);
    }
  }
});

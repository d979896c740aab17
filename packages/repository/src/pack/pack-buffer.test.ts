import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createMemoryBackend } from '../backend/memory.ts';
import { ZstdCodec } from '../compress/zstd-codec.ts';
import { NonceSource } from '../crypto/nonce-source.ts';
import { createSealer, randomMasterKey, type MasterKey } from '../crypto/seal.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { BulkSealer } from './bulk-sealer.ts';
import { blobIdOf, PackBuffer, type PackOptions } from './pack-buffer.ts';
import { openBlob, readPackHeader } from './pack-read.ts';
import { addBlocks } from './small-blobs.ts';

function masterKey(seed: number): MasterKey {
  return randomMasterKey(createSeededRandom(seed));
}

function optionsFor(seed: number, more: Partial<PackOptions> = {}): PackOptions {
  const random = createSeededRandom(seed);
  return {
    // Odd seeds seal without the calls of OpenSSL, as on a machine that lacks them.
    sealer: new BulkSealer(masterKey(seed), { native: seed % 2 === 0 }),
    nonces: new NonceSource(random),
    codec: new ZstdCodec(),
    version: 2,
    compression: 'auto',
    targetBytes: 1024 * 1024,
    ...more,
  };
}

test('blobs of any size, mixed in any order, open from the pack as they went in', async () => {
  const size = fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 5000 }),
    fc.integer({ min: 60_000, max: 300_000 }),
  );
  const blob = fc.record({ size, fill: fc.integer({ min: 0, max: 255 }), isRandom: fc.boolean() });
  const packs = fc.record({
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    version: fc.constantFrom(1 as const, 2 as const),
    blobs: fc.array(blob, { minLength: 1, maxLength: 60 }),
    sealAfter: fc.integer({ min: 1, max: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(packs, async ({ seed, version, blobs, sealAfter }) => {
      const random = createSeededRandom(seed);
      const options = optionsFor(seed, { version });
      const pack = new PackBuffer('data', options);
      const plains = blobs.map(({ size: bytes, fill, isRandom }) =>
        isRandom ? random.bytes(bytes) : Buffer.alloc(bytes, fill),
      );
      for (const [i, plain] of plains.entries()) {
        pack.append(blobIdOf(plain).id, plain);
        if (i % sealAfter === 0) pack.sealSmall();
      }
      const finished = pack.finish();
      const backend = createMemoryBackend();
      const file = Buffer.from(finished.buffer, 0, finished.sizeBytes);
      await backend.save({ kind: 'data', name: finished.id }, [file]);
      const sealer = createSealer(masterKey(seed));
      const header = await readPackHeader(backend, sealer, finished.id, finished.sizeBytes);
      assert.equal(header.length, plains.length);
      const nonces = new Set<string>();
      for (const [i, entry] of header.entries()) {
        const sealed = file.subarray(entry.offset, entry.offset + entry.length);
        nonces.add(sealed.toString('hex', 0, 16));
        assert.ok(openBlob(sealer, entry, sealed).equals(plains[i] as Buffer));
      }
      assert.equal(nonces.size, plains.length);
    }),
    { numRuns: 60 },
  );
});

test('no counter block under one start is used by two blobs', () => {
  const options = optionsFor(7);
  const pack = new PackBuffer('data', options);
  const plains = Array.from({ length: 50 }, (_, i) => createSeededRandom(i + 1).bytes(i * 7));
  const blobs = plains.map((plain) => pack.append(blobIdOf(plain).id, plain));
  const file = Buffer.from(pack.finish().buffer);
  let next = 0n;
  for (const { offset, length } of blobs) {
    const nonce = BigInt(`0x${file.toString('hex', offset, offset + 16)}`);
    assert.ok(nonce >= next, 'a blob begins where the one before has ended');
    next = nonce + BigInt(Math.max(1, Math.ceil((length - 32) / 16)));
  }
});

test('the counter goes on over every byte, and round at the end', () => {
  const out = Buffer.alloc(16);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.integer({ min: 0, max: 2 ** 31 }), (start, blocks) => {
      addBlocks(Buffer.from(start.toString(16).padStart(32, '0'), 'hex'), blocks, out);
      assert.equal(BigInt(`0x${out.toString('hex')}`), (start + BigInt(blocks)) % 2n ** 128n);
    }),
  );
});

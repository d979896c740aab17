import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseId, type BlobId, type PackId } from '../ids.ts';
import type { BlobLocation } from '../index/indexed-repository.ts';
import { partBytesMax, plainLength, planRestore, type WantedFile } from './plan.ts';
import { mergeRanges } from './ranges.ts';

const idOf = <T extends BlobId | PackId>(number: number): T => parseId<T>(number.toString(16).padStart(64, '0'));

/** Blob n lies in pack n mod 3, behind the blobs of smaller numbers there. */
function placeOf(number: number, lengths: readonly number[]): BlobLocation {
  let offset = 0;
  for (let before = number % 3; before < number; before += 3) offset += (lengths[before] as number) + 7;
  return { packId: idOf<PackId>(number % 3), offset, length: lengths[number] as number };
}

const worlds = fc.record({
  lengths: fc.array(fc.integer({ min: 33, max: 9_000_000 }), { minLength: 1, maxLength: 40 }),
  files: fc.array(fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 12 }), { maxLength: 12 }),
});

test('every blob that is not present is written exactly at its place, once, from a range that holds it', () => {
  fc.assert(
    fc.property(worlds, ({ lengths, files }) => {
      const wanted = files.map((blobs): WantedFile => ({
        content: blobs.map(([n]) => idOf<BlobId>(n % lengths.length)),
        present: Uint8Array.from(blobs, ([, present]) => Number(present)),
      }));
      const plan = planRestore(wanted, (id) => placeOf(Number.parseInt(id, 16), lengths));
      const expected: string[] = [];
      for (const [file, { content, present }] of wanted.entries()) {
        let position = 0;
        for (const [i, id] of content.entries()) {
          if (present?.[i] === 0) expected.push(`${file} ${position} ${id}`);
          position += plainLength(placeOf(Number.parseInt(id, 16), lengths));
        }
        assert.equal(plan.sizes[file], position);
      }
      const planned: string[] = [];
      const partsOfFile = wanted.map(() => new Set<number>());
      for (const [number, part] of plan.parts.entries()) {
        assert.ok(part.length <= partBytesMax || part.blobs.length === 1);
        for (const blob of part.blobs) {
          assert.ok(blob.offset >= part.offset && blob.offset + blob.length <= part.offset + part.length);
          assert.equal(blob.packId, part.packId);
          plan.writes.each(blob.number, (file, position) => {
            planned.push(`${file} ${position} ${blob.id}`);
            partsOfFile[file]?.add(number);
          });
        }
      }
      assert.deepEqual(planned.sort(), expected.sort());
      assert.deepEqual(
        [...plan.partsOfFile],
        partsOfFile.map((parts) => parts.size),
      );
    }),
  );
});

test('a file that needs an unknown blob is left out whole, and the others are planned', () => {
  const known = idOf<BlobId>(1);
  const unknown = idOf<BlobId>(2);
  const plan = planRestore([{ content: [known, unknown] }, { content: [known] }], (id) =>
    id === known ? { packId: idOf<PackId>(0), offset: 0, length: 132 } : undefined,
  );
  assert.deepEqual([...plan.missing], [[0, unknown]]);
  assert.equal(plan.parts.length, 1);
  assert.deepEqual([...plan.partsOfFile], [0, 1]);
  assert.deepEqual([...plan.sizes], [0, 100]);
});

test('packs are read in the order in which the files need them', () => {
  const lengths = [100, 100, 100];
  const files = [{ content: [idOf<BlobId>(2), idOf<BlobId>(0)] }, { content: [idOf<BlobId>(1)] }];
  const plan = planRestore(files, (id) => placeOf(Number.parseInt(id, 16), lengths));
  assert.deepEqual(
    plan.parts.map(({ packId }) => packId),
    [idOf<PackId>(2), idOf<PackId>(0), idOf<PackId>(1)],
  );
});

test('ranges are joined over small holes and never grow too long', () => {
  const limits = { gapBytesMax: 10, rangeBytesMax: 100 };
  const ranges = [
    { offset: 0, length: 20 },
    { offset: 30, length: 20 },
    { offset: 61, length: 20 },
    { offset: 81, length: 500 },
    { offset: 581, length: 1 },
  ];
  assert.deepEqual(
    mergeRanges(ranges, limits).map(({ offset, length }) => [offset, length]),
    [
      [0, 50],
      [61, 20],
      [81, 500],
      [581, 1],
    ],
  );
});

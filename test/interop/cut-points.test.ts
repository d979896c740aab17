/** The chunks that restic itself makes, with the polynomial that it drew, against ours. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cutAll } from '../../packages/repository/src/chunker/cuts.ts';
import { parsePolynomial } from '../../packages/repository/src/chunker/polynomial.ts';
import { filesProfile } from '../../packages/repository/src/chunker/profile.ts';
import { createScanner } from '../../packages/repository/src/chunker/rabin.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';
import { quicken } from '../quick-key.ts';

const MiB = 1024 * 1024;

/** 20 MiB: random bytes, a hole, text that repeats. Another stream every time, and its seed in the message. */
function sampleBytes(seed: number): Buffer {
  const bytes = Buffer.alloc(20 * MiB);
  let state = seed;
  for (let at = 0; at < bytes.byteLength; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state, at);
  }
  bytes.fill(0, 5 * MiB + 17, 8 * MiB + 100_001);
  bytes.fill('the same line again\n', 14 * MiB, 16 * MiB);
  return bytes;
}

for (const version of ['debian', 'newest'] as const) {
  const restic = findRestic(version);
  test(
    `every chunk of a file is the one that restic makes (${version})`,
    { skip: skipWithout(restic, 'restic') },
    async () => {
      assert.ok(restic);
      using folder = temporaryFolder();
      const repository = join(folder.path, 'repository');
      const seed = Math.floor(Math.random() * 2 ** 31) | 1;
      const bytes = sampleBytes(seed);
      writeFileSync(join(folder.path, 'sample'), bytes);
      const ask = (...argv: string[]): string => {
        const run = runRestic(restic.path, repository, argv);
        assert.equal(run.exitCode, 0, `restic ${argv.join(' ')}: ${run.stderr}`);
        return run.stdout;
      };
      ask('init');
      await quicken(repository);
      ask('backup', join(folder.path, 'sample'));

      const config = JSON.parse(ask('cat', 'config')) as { chunker_polynomial: string };
      const scanner = createScanner(parsePolynomial(config.chunker_polynomial), filesProfile.averageBits);
      const ends = cutAll(scanner.scan(bytes, 0, bytes.byteLength), bytes.byteLength, filesProfile);
      const ours = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      const theirs = new Set(
        ask('list', 'blobs')
          .split('\n')
          .filter((line) => line.startsWith('data '))
          .map((line) => line.slice('data '.length)),
      );
      const ids = ours.map((chunk) => createHash('sha256').update(chunk).digest('hex'));
      const where = `seed ${seed}, polynomial ${config.chunker_polynomial}`;
      assert.deepEqual([...new Set(ids)].sort(), [...theirs].sort(), where);
      assert.ok(ours.length > 8, where);
    },
  );
}

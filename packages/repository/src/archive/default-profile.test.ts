import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesProfile } from '../chunker/profile.ts';
import type { ForeignConfig } from '../format/config.ts';
import { defaultProfile } from './default-profile.ts';

const profileOf = (foreign: ForeignConfig) =>
  defaultProfile({ version: 2, id: '0'.repeat(64), chunkerPolynomial: 0x25b468838dcbfbn, foreign });

test('a repository that says nothing is cut as restic cuts', () => {
  assert.deepEqual(profileOf({}), filesProfile);
  assert.deepEqual(profileOf({ chunker: 'Rabin' }), filesProfile);
});

test('sizes in the config are kept to', () => {
  assert.deepEqual(profileOf({ chunk_size: 65_536, chunk_min_size: 16_384, chunk_max_size: 262_144 }), {
    kind: 'rabin',
    averageBits: 16,
    minBytes: 16_384,
    maxBytes: 262_144,
  });
  assert.deepEqual(profileOf({ chunker: 'FixedSize', chunk_size: 4096 }), { kind: 'fixed', sizeBytes: 4096 });
});

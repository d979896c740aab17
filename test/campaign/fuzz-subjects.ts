import assert from 'node:assert/strict';
import { compressFrame, decompressBlob } from '../../packages/repository/src/compress/zstd.ts';
import { openSealed, randomMasterKey, seal } from '../../packages/repository/src/crypto/seal.ts';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import type { ErrorCode } from '../../packages/repository/src/errors.ts';
import { byteStringOf, toByteString } from '../../packages/repository/src/format/bytestring.ts';
import { encodeConfig, parseConfig } from '../../packages/repository/src/format/config.ts';
import { encodeIndexFile, parseIndexFile } from '../../packages/repository/src/format/index-file.ts';
import { scanIndexFile } from '../../packages/repository/src/format/index-scan.ts';
import {
  encodeKeyFile,
  encodeMasterKey,
  parseKeyFile,
  parseMasterKey,
} from '../../packages/repository/src/format/key-file.ts';
import { encodeLockFile, parseLockFile } from '../../packages/repository/src/format/lock-file.ts';
import { encodeHeader, parseHeader } from '../../packages/repository/src/format/pack-header.ts';
import { encodeSnapshot, parseSnapshot } from '../../packages/repository/src/format/snapshot.ts';
import type { Snapshot } from '../../packages/repository/src/format/snapshot.ts';
import { encodeTree, parseTree } from '../../packages/repository/src/format/tree.ts';
import type { TreeNode } from '../../packages/repository/src/format/tree.ts';
import { decodeUnpacked, encodeUnpacked } from '../../packages/repository/src/format/unpacked.ts';
import type { BlobId, IndexId, PackId, SnapshotId } from '../../packages/repository/src/ids.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import type { SeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { mongodbArchive } from './mongodb-subject.ts';

export type FuzzSubject = {
  readonly name: string;
  readonly kind: 'json' | 'binary';
  /** Sound ones, to be changed. */
  readonly samples: readonly Buffer[];
  readonly codes: readonly ErrorCode[];
  /** Reads it, and holds what was read against what else is known. */
  readonly read: (bytes: Buffer, random: SeededRandom) => void;
};

const unpackedBytesMax = 2 ** 20;
const random = createSeededRandom(7);
const id = <T extends string>(): T => random.bytes(32).toString('hex') as T;
const time = { sec: 1_700_000_000, nsec: 123_456_789 };
const timeText = '2026-11-21T16:34:24.734000001+01:00';

const config = encodeConfig({
  version: 2,
  id: id(),
  chunkerPolynomial: 0x25b468838dcbafn,
  foreign: { chunker: 'FixedSize', chunk_size: 65_536, append_only: true },
});
const costs = { kdf: 'scrypt', N: 32_768, r: 8, p: 1 } as const;
const keyFile = encodeKeyFile({
  ...costs,
  created: timeText,
  username: 'ada',
  hostname: 'vm',
  salt: random.bytes(64),
  data: random.bytes(150),
});
const lock = encodeLockFile({ time: timeText, exclusive: true, hostname: 'säule', username: 'ada', pid: 7, uid: 1000 });
const snapshot: Snapshot = {
  time: timeText,
  parent: id<SnapshotId>(),
  tree: id<BlobId>(),
  paths: ['/home/ada', '/srv/"x"\\'],
  hostname: 'vm',
  username: 'ada',
  uid: 1000,
  gid: 1000,
  tags: ['nightly', 'b'],
  excludes: ['*.tmp'],
  original: id<SnapshotId>(),
  program_version: 'coffre 0.1.0',
};
const blobs = Array.from({ length: 5 }, (_, number) => ({
  type: number % 2 === 0 ? ('data' as const) : ('tree' as const),
  id: id<BlobId>(),
  offset: number * 1000,
  length: 1000,
  ...(number === 3 ? { uncompressedLength: 3000 } : {}),
}));
const index = encodeIndexFile({
  packs: [
    { id: id<PackId>(), blobs: blobs.slice(0, 3) },
    { id: id<PackId>(), blobs: blobs.slice(3), time: timeText, size: 9000 },
  ],
  supersedes: [id<IndexId>()],
  packsToDelete: [{ id: id<PackId>(), blobs: blobs.slice(0, 1), time: timeText }],
});
const header = encodeHeader(blobs);

const times = { mtime: time, atime: time, ctime: time };
const owned = { uid: 1000, gid: 1000, user: 'ada', group: 'staff' };
const usual = { ...times, ...owned, inode: 12_345, deviceId: 2049, links: 1 };
const nodes: TreeNode[] = [
  { name: toByteString('a file'), type: 'file', mode: 0o644, size: 3_000_000, content: [id(), id()], ...usual },
  {
    name: byteStringOf(Buffer.from([0x62, 0xff, 0x22, 0x5c, 0x0a])),
    type: 'file',
    mode: 0o4755,
    size: 18_446_744_073_709_551_615n,
    content: [],
    extendedAttributes: [
      { name: 'user.x', value: Buffer.from('value') },
      { name: 'user.empty', value: null },
    ],
    ...usual,
    links: 2,
  },
  { name: toByteString('folder'), type: 'dir', mode: 2_147_484_141, content: null, subtree: id(), ...usual },
  { name: toByteString('link'), type: 'symlink', linkTarget: toByteString('../ä'), content: null, ...usual },
  { name: toByteString('null'), type: 'chardev', device: 259, content: null, ...usual },
];
const master = randomMasterKey(random);
const text = Buffer.from('what was sealed, and compressed when it was worth it. '.repeat(40));
const frame = compressFrame(text, 'auto');
const sealed = seal(master, text, random);

/** What was read and written stays as it is from the second time on: Go's zero values and half characters go at first. */
function stable<T>(parse: (bytes: Buffer) => T, encode: (value: T) => Buffer): (bytes: Buffer) => void {
  return (bytes) => {
    const written = encode(parse(encode(parse(bytes))));
    assert.deepEqual(encode(parse(written)), written);
  };
}

/** The quick reader of indexes and the plain one agree: the same blobs, or both refuse. */
function readIndex(bytes: Buffer): void {
  const scanned: string[] = [];
  let refusal: unknown;
  try {
    const hexAt = (source: Uint8Array, at: number): string => Buffer.from(source).toString('latin1', at, at + 64);
    scanIndexFile(bytes, {
      pack: (source, at) => void scanned.push(hexAt(source, at)),
      blob: (source, at, ...rest) => void scanned.push([hexAt(source, at), ...rest].join(' ')),
    });
  } catch (error) {
    refusal = error;
  }
  let parsed: string[];
  try {
    parsed = parseIndexFile(bytes).packs.flatMap((pack) => [
      pack.id,
      ...pack.blobs.map((b) => [b.id, b.type, b.offset, b.length, b.uncompressedLength ?? 0].join(' ')),
    ]);
  } catch (error) {
    assert.ok(isCoffreError(refusal), `the plain reader refuses what the quick one takes: ${String(error)}`);
    throw error;
  }
  if (refusal !== undefined) throw refusal as Error;
  assert.deepEqual(scanned, parsed);
}

export function fuzzSubjects(): FuzzSubject[] {
  return [
    {
      name: 'config',
      kind: 'json',
      samples: [config],
      codes: ['REPO_CONFIG_DAMAGED', 'REPO_VERSION_UNSUPPORTED'],
      read: stable(parseConfig, encodeConfig),
    },
    {
      name: 'key file',
      kind: 'json',
      samples: [keyFile],
      codes: ['REPO_KEY_DAMAGED'],
      read: stable(parseKeyFile, encodeKeyFile),
    },
    {
      name: 'master key',
      kind: 'json',
      samples: [encodeMasterKey(master)],
      codes: ['REPO_KEY_DAMAGED'],
      read: stable(parseMasterKey, encodeMasterKey),
    },
    {
      name: 'lock file',
      kind: 'json',
      samples: [lock],
      codes: ['REPO_FILE_DAMAGED'],
      read: stable(parseLockFile, encodeLockFile),
    },
    {
      name: 'snapshot',
      kind: 'json',
      samples: [encodeSnapshot(snapshot), encodeSnapshot({ time: timeText, tree: id(), paths: [] })],
      codes: ['REPO_FILE_DAMAGED'],
      read: stable(parseSnapshot, encodeSnapshot),
    },
    { name: 'index file', kind: 'json', samples: [index], codes: ['REPO_FILE_DAMAGED'], read: readIndex },
    {
      name: 'tree',
      kind: 'json',
      samples: [encodeTree(nodes), encodeTree(nodes.slice(0, 1)), encodeTree([])],
      codes: ['REPO_TREE_DAMAGED'],
      read: (bytes) => void parseTree(bytes),
    },
    {
      name: 'pack header',
      kind: 'binary',
      samples: [header],
      codes: ['REPO_PACK_DAMAGED'],
      read: (bytes) => assert.ok(encodeHeader(parseHeader(bytes)).byteLength === bytes.byteLength),
    },
    {
      name: 'unpacked file',
      kind: 'binary',
      samples: [encodeUnpacked(2, encodeSnapshot(snapshot)), encodeUnpacked(2, Buffer.alloc(3 * unpackedBytesMax))],
      codes: ['REPO_FILE_DAMAGED'],
      read: (bytes) => assert.ok(decodeUnpacked(2, bytes, unpackedBytesMax).byteLength <= unpackedBytesMax),
    },
    {
      name: 'compressed blob',
      kind: 'binary',
      samples: [frame],
      codes: ['REPO_BLOB_DAMAGED'],
      read: (bytes, chance) => {
        const size = chance.pick([text.byteLength, 0, 1, text.byteLength - 1, unpackedBytesMax]);
        assert.equal(decompressBlob(bytes, size).byteLength, size);
      },
    },
    {
      name: 'sealed message',
      kind: 'binary',
      samples: [sealed, seal(master, Buffer.alloc(0), random)],
      codes: ['SEAL_BROKEN'],
      read(bytes) {
        const plain = openSealed(master, bytes);
        // Nobody makes a message that opens, except by leaving it as it was.
        assert.ok(bytes.equals(sealed) ? plain.equals(text) : plain.byteLength === 0);
      },
    },
    mongodbArchive,
  ];
}

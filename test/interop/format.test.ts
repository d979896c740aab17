/** Our codecs against what the real restic writes and reads, byte for byte. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compressBlob, decompressBlob } from '../../packages/repository/src/compress/zstd.ts';
import { sha256Hex } from '../../packages/repository/src/crypto/hash.ts';
import { deriveKey } from '../../packages/repository/src/crypto/kdf.ts';
import {
  createSealer,
  openSealed,
  randomMasterKey,
  seal,
  type Sealer,
} from '../../packages/repository/src/crypto/seal.ts';
import { toByteString } from '../../packages/repository/src/format/bytestring.ts';
import { encodeConfig, parseConfig } from '../../packages/repository/src/format/config.ts';
import {
  encodeIndexFile,
  parseIndexFile,
  type IndexedBlob,
  type IndexedPack,
} from '../../packages/repository/src/format/index-file.ts';
import { scanIndexFile } from '../../packages/repository/src/format/index-scan.ts';
import {
  encodeKeyFile,
  encodeMasterKey,
  parseKeyFile,
  parseMasterKey,
} from '../../packages/repository/src/format/key-file.ts';
import { encodeLockFile, parseLockFile } from '../../packages/repository/src/format/lock-file.ts';
import {
  encodeHeader,
  packSizeOf,
  parseHeader,
  type BlobType,
} from '../../packages/repository/src/format/pack-header.ts';
import { encodeSnapshot, parseSnapshot } from '../../packages/repository/src/format/snapshot.ts';
import { scanTree } from '../../packages/repository/src/format/tree-scan.ts';
import { encodeTree, parseTree, type TreeNode } from '../../packages/repository/src/format/tree.ts';
import { decodeUnpacked, encodeUnpacked } from '../../packages/repository/src/format/unpacked.ts';
import type { BlobId, PackId } from '../../packages/repository/src/ids.ts';
import { findRestic, skipWithout, type ResticVersion } from '../peers.ts';

const password = 'correct horse <b&ttery> ☃';
const random = { bytes: (size: number) => randomBytes(size) };
const sizeBytesMax = 64 * 1024 * 1024;

class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'coffre-format-'));

  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    execFileSync('chmod', ['-R', 'u+rwX', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

function resticOf(path: string, repo: string, zone = 'UTC'): (...args: string[]) => string {
  const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: repo, TZ: zone };
  return (...args) => execFileSync(path, ['--no-cache', ...args], { env, encoding: 'utf8', maxBuffer: 2 ** 28 });
}

/** Names that every version of restic quotes alike. */
const oldNames = [
  ...Array.from({ length: 255 }, (_, i) => i + 1)
    .filter((byte) => byte !== 0x2f)
    .map((byte) => Buffer.from([0x78, byte])),
  ...[
    '"',
    '\\',
    '\\"',
    '\\\\x41',
    "a'b",
    '<&>',
    '\u2028\u2029',
    '\u00a0',
    '\ufeff',
    '\ufffd',
    '\ue000',
    '😀',
    'café',
  ].map((name) => Buffer.from(name)),
  ...['c080', 'eda080', 'f4908080', 'e282', 'ff', 'f09f98', '61cc81', 'efbfbf', 'f3a08081'].map((hex) =>
    Buffer.from(hex, 'hex'),
  ),
];
/** U+1FAE8 became printable with Unicode 15. */
const newNames = [Buffer.from('🫨'), Buffer.from('\u{1faf7}\u{31350}')];

function writeHostileFolder(path: string, version: ResticVersion): void {
  mkdirSync(path);
  const root = Buffer.from(`${path}/`);
  const names = version === 'newest' ? [...oldNames, ...newNames] : oldNames;
  for (const [i, name] of names.entries()) {
    const file = Buffer.concat([root, name]);
    writeFileSync(file, i % 3 === 0 ? '' : `content ${i}\n`.repeat(i));
    chmodSync(file, (i % 0o1000) | 0o400);
    utimesSync(file, 1_700_000_000 + i, 1_600_000_000.123456 + i * 1e6);
  }
  mkdirSync(join(path, 'empty folder'));
  mkdirSync(join(path, 'sticky'));
  chmodSync(join(path, 'sticky'), 0o1777);
  writeFileSync(join(path, 'random'), randomBytes(3_000_000));
  writeFileSync(join(path, 'text'), 'The quick brown fox. '.repeat(200_000));
  linkSync(join(path, 'text'), join(path, 'text again'));
  symlinkSync('<a & b>\u2028"\\', join(path, 'link'));
  if (version === 'newest') symlinkSync(Buffer.from('61ff62', 'hex'), join(path, 'raw link'));
  execFileSync('mkfifo', [join(path, 'fifo')]);
  execFileSync('chmod', ['u+s', join(path, 'empty folder')]);
}

type Opened = {
  sealer: Sealer;
  version: 1 | 2;
  read: (...parts: string[]) => Buffer;
  unpacked: (kind: string) => Buffer[];
};

async function openRepository(repo: string): Promise<Opened> {
  const read = (...parts: string[]): Buffer => readFileSync(join(repo, ...parts));
  const [keyName = ''] = readdirSync(join(repo, 'keys'));
  const key = parseKeyFile(read('keys', keyName));
  const sealer = createSealer(parseMasterKey(openSealed(await deriveKey(password, key, key.salt), key.data)));
  const { version } = parseConfig(sealer.open(read('config')));
  const unpacked = (kind: string): Buffer[] =>
    readdirSync(join(repo, kind)).map((name) => {
      const bytes = read(kind, name);
      assert.equal(sha256Hex(bytes), name);
      return decodeUnpacked(version, sealer.open(bytes), sizeBytesMax);
    });
  return { sealer, version, read, unpacked };
}

function scanned(bytes: Buffer): IndexedPack[] {
  const packs: { id: PackId; blobs: IndexedBlob[] }[] = [];
  const idAt = (source: Uint8Array, at: number): string => Buffer.from(source.subarray(at, at + 64)).toString('latin1');
  scanIndexFile(bytes, {
    pack: (source, at) => packs.push({ id: idAt(source, at) as PackId, blobs: [] }),
    blob: (source, at, type, offset, length, uncompressedLength) => {
      const blob: IndexedBlob = { id: idAt(source, at) as BlobId, type, offset, length };
      packs.at(-1)?.blobs.push(uncompressedLength === 0 ? blob : { ...blob, uncompressedLength });
    },
  });
  return packs;
}

/** Every blob of every pack, checked against index, header and its own id. */
function readPacks(
  { sealer, read }: Opened,
  packs: readonly IndexedPack[],
): Map<BlobId, { type: BlobType; plain: Buffer }> {
  const found = new Map<BlobId, { type: BlobType; plain: Buffer }>();
  for (const { id, blobs } of packs) {
    const file = read('data', id.slice(0, 2), id);
    assert.equal(sha256Hex(file), id);
    assert.equal(packSizeOf(blobs), file.length);
    const headerEnd = file.length - 4;
    const header = sealer.open(file.subarray(headerEnd - file.readUInt32LE(headerEnd), headerEnd));
    const entries = parseHeader(header);
    assert.ok(encodeHeader(entries).equals(header));
    const inOrder = blobs.toSorted((a, b) => a.offset - b.offset);
    assert.deepEqual(
      entries,
      inOrder.map(({ offset, ...entry }) => (assert.ok(offset >= 0), entry)),
    );
    for (const blob of blobs) {
      const opened = sealer.open(file.subarray(blob.offset, blob.offset + blob.length));
      const plain = blob.uncompressedLength === undefined ? opened : decompressBlob(opened, blob.uncompressedLength);
      assert.equal(sha256Hex(plain), blob.id);
      found.set(blob.id, { type: blob.type, plain });
    }
  }
  return found;
}

for (const [version, format, zone] of [
  ['newest', '2', 'UTC'],
  ['newest', '1', 'Europe/Paris'],
  ['debian', '2', 'America/St_Johns'],
] as const) {
  const restic = findRestic(version);
  test(
    `every file that ${version} restic writes (version ${format}, ${zone}) is read, and written again to the same bytes`,
    { skip: skipWithout(restic, `restic (${version})`), timeout: 120_000 },
    async (t) => {
      using folder = new Folder();
      const repo = folder.at('repo');
      const run = resticOf(restic!.path, repo, zone);
      writeHostileFolder(folder.at('source'), version);
      run('init', '--repository-version', format);
      run('backup', folder.at('source'), '--tag', 'a<b,c', '--exclude', '*.tmp', '--host', 'säule');
      if (format === '2') {
        writeFileSync(folder.at('source', 'more'), 'Pack my box with five dozen liquor jugs. '.repeat(9_000));
        run('backup', folder.at('source'), '--compression', 'max');
      }

      const opened = await openRepository(repo);
      const [keyName = ''] = readdirSync(join(repo, 'keys'));
      const keyFile = opened.read('keys', keyName);
      assert.deepEqual(encodeKeyFile(parseKeyFile(keyFile)), keyFile);
      const config = opened.sealer.open(opened.read('config'));
      assert.equal(encodeConfig(parseConfig(config)).toString(), config.toString().trimEnd());
      for (const json of opened.unpacked('snapshots'))
        assert.equal(encodeSnapshot(parseSnapshot(json)).toString(), json.toString());
      const packs = opened.unpacked('index').flatMap((json) => {
        const index = parseIndexFile(json);
        assert.ok(encodeIndexFile(index).equals(json));
        assert.deepEqual(scanned(json), index.packs);
        return index.packs;
      });

      const blobs = readPacks(opened, packs);
      const names = new Set<string>();
      let quick = 0;
      let trees = 0;
      for (const [id, { type, plain }] of blobs) {
        if (type !== 'tree') continue;
        const nodes = parseTree(plain);
        assert.equal(encodeTree(nodes).toString('latin1'), plain.toString('latin1'), `tree ${id}`);
        for (const { name } of nodes) names.add(name);
        const isQuick = scanTree(plain);
        if (isQuick !== undefined) assert.deepEqual(isQuick, nodes);
        trees += 1;
        quick += isQuick === undefined ? 0 : 1;
      }
      for (const name of readdirSync(folder.at('source'), { encoding: 'latin1' }))
        assert.ok(names.has(name), JSON.stringify(name));
      t.diagnostic(
        `restic ${restic!.version}: ${blobs.size} blobs, ${trees} trees, ${quick} of them by the quick reader`,
      );
      assert.ok(quick >= 2);
    },
  );
}

const newest = findRestic('newest');
const skip = skipWithout(newest, 'restic (newest)');

/** Seals `plain` under its hash. */
function save(repo: string, kind: string, bytes: Buffer): string {
  const id = sha256Hex(bytes);
  const path = kind === 'data' ? join(repo, kind, id.slice(0, 2)) : join(repo, kind);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, id), bytes);
  return id;
}

const owner = { uid: 1000, gid: 1000, user: 'zoë', group: '<staff>' };
const time = { sec: 1_700_000_000, nsec: 120_000_000 };
const times = { mtime: time, atime: time, ctime: time };

for (const version of [1, 2] as const) {
  test(
    `a repository of version ${version} written by these codecs alone passes restic check --read-data`,
    { skip, timeout: 120_000 },
    async () => {
      using folder = new Folder();
      const repo = folder.at('repo');
      for (const kind of ['keys', 'locks', 'data', 'index', 'snapshots'])
        mkdirSync(folder.at('repo', kind), { recursive: true });
      const master = randomMasterKey(random);
      const costs = { N: 1024, r: 8, p: 1 };
      const salt = randomBytes(64);
      const wrapping = await deriveKey(password, costs, salt);
      const data = seal(wrapping, encodeMasterKey(master), random);
      save(repo, 'keys', encodeKeyFile({ created: '2024-01-01T00:00:00Z', kdf: 'scrypt', ...costs, salt, data }));
      const config = { version, id: '5f'.repeat(32), chunkerPolynomial: 0x25b468838dcb75n, foreign: {} };
      const sealer = createSealer(master);
      writeFileSync(join(repo, 'config'), sealer.seal(encodeConfig(config), random));

      const packs: IndexedPack[] = [];
      const storePack = (type: BlobType, plains: Buffer[]): BlobId[] => {
        const blobs: IndexedBlob[] = [];
        const parts: Buffer[] = [];
        let offset = 0;
        for (const plain of plains) {
          const packed = version === 1 ? undefined : compressBlob(plain, 'better');
          const sealed = sealer.seal(packed ?? plain, random);
          const blob = { id: sha256Hex(plain) as BlobId, type, offset, length: sealed.length };
          blobs.push(packed === undefined ? blob : { ...blob, uncompressedLength: plain.length });
          parts.push(sealed);
          offset += sealed.length;
        }
        const header = sealer.seal(encodeHeader(blobs), random);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(header.length);
        packs.push({ id: save(repo, 'data', Buffer.concat([...parts, header, length])) as PackId, blobs });
        return blobs.map(({ id }) => id);
      };

      const content = storePack('data', [Buffer.from('hello '.repeat(5000)), randomBytes(10_000), Buffer.from('x')]);
      const names = [...oldNames, ...newNames].map((name) => name.toString('latin1') as TreeNode['name']);
      const nodes: TreeNode[] = names
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((name) => ({
          name,
          type: 'file',
          mode: 0o644,
          ...times,
          ...owner,
          size: 30_000,
          links: 1,
          content: content.slice(0, 1),
        }));
      const inner = encodeTree(nodes);
      const outer = encodeTree([
        {
          name: toByteString('big inode'),
          type: 'file',
          mode: 0o600,
          ...times,
          ...owner,
          inode: 2n ** 64n - 1n,
          size: 40_001,
          links: 1,
          extendedAttributes: [{ name: 'user.<x>', value: Buffer.from([0, 255]) }],
          content,
        },
        {
          name: toByteString('folder'),
          type: 'dir',
          mode: 2 ** 31 + 0o755,
          ...times,
          ...owner,
          content: null,
          subtree: sha256Hex(inner) as BlobId,
        },
        {
          name: toByteString('link'),
          type: 'symlink',
          mode: 2 ** 27 + 0o777,
          ...times,
          ...owner,
          links: 1,
          linkTarget: Buffer.from('61ff62', 'hex').toString('latin1') as TreeNode['name'],
          content: null,
        },
      ]);
      const [, tree] = storePack('tree', [inner, outer]);
      const saveUnpacked = (kind: string, json: Buffer): string =>
        save(repo, kind, sealer.seal(encodeUnpacked(version, json), random));
      saveUnpacked('index', encodeIndexFile({ packs }));
      const snapshot = saveUnpacked(
        'snapshots',
        encodeSnapshot({
          time: '2024-07-15T12:00:00.5+02:00',
          tree: tree!,
          paths: ['/'],
          hostname: 'säule',
          tags: ['<&>'],
        }),
      );

      const run = resticOf(newest!.path, repo);
      assert.match(run('check', '--read-data'), /no errors were found/);
      // restic's own parse and write of our trees gives our bytes, newline aside
      for (const bytes of [inner, outer]) {
        assert.equal(run('cat', 'blob', sha256Hex(bytes)), bytes.toString());
      }
      const listed = run('ls', snapshot, '--json').trim().split('\n').length;
      assert.equal(listed, 1 + 3 + nodes.length);
      run('restore', snapshot, '--target', folder.at('target'), '--include', '/folder');
      assert.deepEqual(
        readdirSync(folder.at('target', 'folder'), { encoding: 'latin1' }).toSorted((a, b) => (a < b ? -1 : 1)),
        nodes.map(({ name }) => name as string),
      );
      // a rewrite parses and encodes every tree and refuses when an id would change by that alone
      run('rewrite', snapshot, '--exclude', 'big inode');
      const lock = saveUnpacked(
        'locks',
        encodeLockFile({
          time: '2024-07-15T12:00:00Z',
          exclusive: false,
          hostname: 'h',
          username: 'u',
          pid: 1,
          boot_id: 'b',
        }),
      );
      assert.match(run('cat', '--no-lock', 'lock', lock), /"hostname": "h"/);
    },
  );
}

test('the lock that restic takes is read, and written again to the same bytes', { skip, timeout: 60_000 }, async () => {
  using folder = new Folder();
  const repo = folder.at('repo');
  resticOf(newest!.path, repo)('init');
  const env = { ...process.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: repo };
  const backup = spawn(newest!.path, ['--no-cache', 'backup', '--stdin'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => backup.once('exit', resolve));
  try {
    const locks = folder.at('repo', 'locks');
    const locked = (): boolean => existsSync(locks) && readdirSync(locks).some((name) => name.length === 64);
    while (!locked() && backup.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    const opened = await openRepository(repo);
    const [json] = opened.unpacked('locks');
    assert.ok(json !== undefined);
    const lock = parseLockFile(json);
    assert.equal(lock.pid, backup.pid);
    assert.equal(encodeLockFile(lock).toString(), json.toString());
  } finally {
    backup.stdin.end('done');
    assert.equal(await ended, 0);
  }
});

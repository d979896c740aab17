import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { saveTree, type SavedTree } from '../testing/restore-yard.ts';
import type { SampleTree } from '../testing/sample-repository.ts';
import { formatAcl } from './acl.ts';
import { dump, type ArchiveKind } from './dump.ts';
import { outputTo } from './output.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-dump-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;
const hasPython = spawnSync('python3', ['-c', '']).status === 0;
const skip = !hasPython && 'python3 is not installed';

async function collect({ indexed, tree }: SavedTree, path: string, archive?: ArchiveKind): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const output = async (bytes: Uint8Array): Promise<void> => void parts.push(bytes);
  await dump(indexed, { tree, path: path as ByteString, output, ...(archive && { archive }) });
  return Buffer.concat(parts);
}

function unpack(kind: ArchiveKind, bytes: Buffer): string {
  const folder = join(scratch, `unpacked-${folders++}`);
  mkdirSync(folder);
  const file = join(scratch, `archive.${kind}`);
  writeFileSync(file, bytes);
  if (kind === 'tar') execFileSync('tar', ['-x', '--xattrs', '-f', file, '-C', folder, '--no-same-owner', '-p']);
  else
    execFileSync('python3', [
      '-c',
      'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall(sys.argv[2])',
      file,
      folder,
    ]);
  return folder;
}

const big = randomBytes(5_000_000);
const long = 'long name '.repeat(22);
const mtime = { sec: 1_600_000_001, nsec: 123_456_789 };
const world: SampleTree = {
  folder: {
    'a file': { type: 'file', chunks: ['hello'], mode: 2 ** 23 + 0o751, mtime },
    big: { type: 'file', chunks: [big.subarray(0, 2_000_000), big.subarray(2_000_000)] },
    empty: '',
    deep: { [long]: { [long]: 'far down' } },
    'ünïcödé 日本': 'unicode',
    link: { type: 'symlink', linkTarget: 'a file' as ByteString, mtime },
    longlink: { type: 'symlink', linkTarget: 'x/'.repeat(200) as ByteString },
    one: { type: 'file', chunks: ['shared'], links: 2, inode: 9, deviceId: 1 },
    two: { type: 'file', chunks: ['shared'], links: 2, inode: 9, deviceId: 1 },
    zeros: { type: 'file', chunks: [Buffer.alloc(600_000), Buffer.alloc(600_000), Buffer.alloc(600_000)] },
    none: {},
  },
  other: 'other',
};

test('a file is dumped byte for byte, a missing path or a link is refused', async () => {
  const saved = await saveTree(world);
  assert.ok((await collect(saved, '/folder/big')).equals(big));
  assert.equal((await collect(saved, 'folder/empty')).length, 0);
  for (const path of ['/nowhere', '/folder/link', '/folder/big/below']) {
    await assert.rejects(collect(saved, path), (error) => isCoffreError(error, 'PATH_NOT_IN_SNAPSHOT'), path);
  }
});

for (const kind of ['tar', 'zip'] as const) {
  const needs = kind === 'zip' && !hasPython && 'python3 is not installed';
  test(`a folder comes out of a ${kind} archive as it was`, { skip: needs }, async () => {
    const folder = join(unpack(kind, await collect(await saveTree(world), '/folder', kind)), 'folder');
    assert.equal(readFileSync(join(folder, 'a file'), 'utf8'), 'hello');
    assert.ok(readFileSync(join(folder, 'big')).equals(big));
    assert.equal(readFileSync(join(folder, 'zeros')).length, 1_800_000);
    assert.equal(readFileSync(join(folder, 'deep', long, long), 'utf8'), 'far down');
    assert.equal(readFileSync(join(folder, 'ünïcödé 日本'), 'utf8'), 'unicode');
    assert.equal(statSync(join(folder, 'empty')).size, 0);
    assert.equal(readFileSync(join(folder, 'two'), 'utf8'), 'shared');
    assert.deepEqual(readdirSync(join(folder, 'none')), []);
    if (kind === 'zip') return;
    assert.equal(readlinkSync(join(folder, 'link')), 'a file');
    assert.equal(readlinkSync(join(folder, 'longlink')), 'x/'.repeat(200));
    assert.equal(statSync(join(folder, 'one')).ino, statSync(join(folder, 'two')).ino);
    assert.equal(statSync(join(folder, 'a file')).mode & 0o7777, 0o4751);
    assert.equal(lstatSync(join(folder, 'a file'), { bigint: true }).mtimeNs, 1_600_000_001_123_456_789n);
  });
}

test('the root gives everything, and python reads the same entries from both archives', { skip }, async () => {
  const saved = await saveTree(world);
  const listing = (kind: ArchiveKind, bytes: Buffer): string[] => {
    const file = join(scratch, `listed.${kind}`);
    writeFileSync(file, bytes);
    const module = kind === 'tar' ? 'tarfile' : 'zipfile';
    const script = `import ${module},sys; print(*sorted(n.strip('/') for n in ${module === 'tarfile' ? 'tarfile.open(sys.argv[1]).getnames()' : 'zipfile.ZipFile(sys.argv[1]).namelist()'}),sep='\\n')`;
    return execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }).trim().split('\n');
  };
  const tar = listing('tar', await collect(saved, '/', 'tar'));
  assert.deepEqual(tar, listing('zip', await collect(saved, '/', 'zip')));
  assert.ok(tar.includes('other') && tar.includes('folder/a file') && tar.includes('folder'));
});

test('large ids, devices, attributes and names of any bytes survive in a tar', { skip }, async () => {
  const acl = Buffer.from(
    '0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff',
    'hex',
  );
  assert.equal(formatAcl(acl), 'user::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::---\n');
  assert.equal(formatAcl(acl.subarray(0, 11)), undefined);
  const saved = await saveTree({
    rich: {
      type: 'file',
      chunks: ['x'],
      uid: 3_000_000,
      gid: 4_000_000_000,
      user: 'ünïcode',
      mtime: { sec: -2, nsec: 500_000_000 },
      extendedAttributes: [
        { name: 'user.binary', value: Buffer.from([0, 10, 255]) },
        { name: 'user.empty', value: null },
        { name: 'system.posix_acl_access', value: acl },
      ],
    },
    null: { type: 'chardev', mode: 2 ** 26 + 2 ** 21 + 0o666, device: 259 },
    queue: { type: 'fifo' },
  });
  const file = join(scratch, 'rich.tar');
  writeFileSync(file, await collect(saved, '/'));
  const script = `
import tarfile,sys,json
t=tarfile.open(sys.argv[1],encoding='latin1')
print(json.dumps([[m.name,m.type.decode(),m.uid,m.gid,m.uname,m.mtime,m.devmajor,m.devminor,m.pax_headers] for m in t]))`;
  const members = JSON.parse(execFileSync('python3', ['-c', script, file], { encoding: 'utf8' })) as [
    string,
    ...unknown[],
  ][];
  assert.deepEqual(
    members.map(([name, type]) => [name, type]),
    [
      ['null', '3'],
      ['queue', '6'],
      ['rich', '0'],
    ],
  );
  assert.deepEqual(members[0]?.slice(6, 8), [1, 3]);
  const [, , uid, gid, , time, , , pax] = members[2] as unknown as [
    string,
    string,
    number,
    number,
    string,
    number,
    number,
    number,
    Record<string, string>,
  ];
  assert.deepEqual([uid, gid, time], [3_000_000, 4_000_000_000, -1.5]);
  assert.equal(pax['SCHILY.acl.access'], formatAcl(acl));
  assert.equal(pax['SCHILY.xattr.user.empty'], '');
  assert.equal(pax['SCHILY.xattr.user.binary']?.length, 3);
});

test('output that is slow is waited for, and one that breaks stops the dump', async () => {
  const saved = await saveTree(world);
  const slow = new PassThrough({ highWaterMark: 1024 });
  const hash = createHash('sha256');
  const read = (async () => {
    for await (const bytes of slow) hash.update(bytes as Buffer);
  })();
  await dump(saved.indexed, { tree: saved.tree, path: '/folder/big' as ByteString, output: outputTo(slow) });
  slow.end();
  await read;
  assert.equal(hash.digest('hex'), createHash('sha256').update(big).digest('hex'));
  const broken = new PassThrough({ highWaterMark: 1024 });
  broken.on('error', () => undefined);
  setImmediate(() => broken.destroy(new Error('pipe is gone')));
  await assert.rejects(
    dump(saved.indexed, { tree: saved.tree, path: '/' as ByteString, output: outputTo(broken) }),
    /pipe is gone|aborted/,
  );
});

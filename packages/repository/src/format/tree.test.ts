import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sha256Hex } from '../crypto/hash.ts';
import type { BlobId } from '../ids.ts';
import { byteStringOf, toByteString, type ByteString } from './bytestring.ts';
import type { Timestamp } from './time.ts';
import { scanTree } from './tree-scan.ts';
import { emptyTree, encodeNode, encodeTree, parseTree, type NodeType, type TreeNode, type U64 } from './tree.ts';

const nodeTypes = [
  'file',
  'dir',
  'symlink',
  'dev',
  'chardev',
  'fifo',
  'socket',
  'irregular',
] as const satisfies NodeType[];

const ids = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as BlobId);
const names = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map(byteStringOf),
    fc.string({ unit: 'binary', minLength: 1 }).map(toByteString),
  )
  .map((name) => name.replaceAll(/[/\0]/g, '_') as ByteString)
  .filter((name) => name !== '.' && name !== '..');
const texts = fc.string({ unit: 'binary', minLength: 1 }).map((text) => text.toWellFormed());
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u64: fc.Arbitrary<U64> = fc
  .oneof(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 1n, max: 10_000n }))
  .map((n) => (n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n));
const times: fc.Arbitrary<Timestamp> = fc
  .record(
    {
      sec: fc.integer({ min: -62_000_000_000, max: 253_000_000_000 }),
      nsec: fc.integer({ min: 0, max: 999_999_999 }),
      offsetMinutes: fc.constantFrom(60, -330),
    },
    { requiredKeys: ['sec', 'nsec'] },
  )
  .map((time) => ({ ...time }));
const attributes = fc.array(
  fc
    .record({ name: texts, value: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))) })
    .map((item) => ({ ...item })),
  { minLength: 1, maxLength: 3 },
);
const generic = fc
  .dictionary(fc.stringMatching(/^windows\.[a-z_]{1,8}$/), fc.constantFrom('32', '"AQID"', '{"a":[1,2]}'), {
    minKeys: 1,
    maxKeys: 3,
  })
  .map((members) => ({ ...members }));

const nodes: fc.Arbitrary<TreeNode> = fc
  .record(
    {
      name: names,
      type: fc.constantFrom(...nodeTypes),
      mode: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      mtime: times,
      atime: times,
      ctime: times,
      uid: u32,
      gid: u32,
      user: texts,
      group: texts,
      inode: u64,
      deviceId: u64,
      size: u64,
      links: u64,
      linkTarget: fc.uint8Array({ minLength: 1 }).map(byteStringOf),
      extendedAttributes: attributes,
      genericAttributes: generic,
      device: u64,
      content: fc.option(fc.array(ids, { maxLength: 3 })),
      subtree: ids,
      error: texts,
    },
    { requiredKeys: ['name', 'type', 'mtime', 'atime', 'ctime', 'uid', 'gid', 'content'] },
  )
  .map((node) => ({ ...node }));

const trees = fc
  .uniqueArray(nodes, { selector: (node) => node.name, maxLength: 5 })
  .map((list) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

const plainNode: TreeNode = {
  name: toByteString('report.txt'),
  type: 'file',
  mode: 0o644,
  mtime: { sec: 1_700_000_000, nsec: 120_000_000 },
  atime: { sec: 1_700_000_000, nsec: 120_000_000 },
  ctime: { sec: 1_700_000_001, nsec: 0 },
  uid: 0,
  gid: 1000,
  user: 'root',
  group: 'staff',
  inode: 42,
  deviceId: 64_769,
  size: 5,
  links: 1,
  content: ['11'.repeat(32) as BlobId],
};

function treeOf(...members: string[]): Buffer {
  return Buffer.from(`{"nodes":[${members.join(',')}]}\n`, 'latin1');
}

test('the empty tree is the 13 bytes whose id every repository knows', () => {
  assert.equal(emptyTree.length, 13);
  assert.equal(sha256Hex(emptyTree), 'ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8');
  assert.deepEqual(encodeTree([]), emptyTree);
  assert.deepEqual(parseTree(emptyTree), []);
});

test('a node has its members in the order of the format and leaves out what is empty', () => {
  assert.equal(
    encodeNode(plainNode),
    '{"name":"report.txt","type":"file","mode":420,"mtime":"2023-11-14T22:13:20.12Z","atime":"2023-11-14T22:13:20.12Z",' +
      '"ctime":"2023-11-14T22:13:21Z","uid":0,"gid":1000,"user":"root","group":"staff","inode":42,"device_id":64769,' +
      `"size":5,"links":1,"content":["${'11'.repeat(32)}"]}`,
  );
  const { name, type, mtime, atime, ctime, uid, gid } = plainNode;
  assert.equal(
    encodeNode({ name, type, mtime, atime, ctime, uid, gid, size: 0, links: 0n, user: '', content: [] }),
    '{"name":"report.txt","type":"file","mtime":"2023-11-14T22:13:20.12Z","atime":"2023-11-14T22:13:20.12Z",' +
      '"ctime":"2023-11-14T22:13:21Z","uid":0,"gid":1000,"content":[]}',
  );
});

test('any tree survives being written', () => {
  fc.assert(
    fc.property(trees, (tree) => {
      const bytes = encodeTree(tree);
      assert.deepEqual(parseTree(bytes), tree);
      assert.ok(encodeTree(parseTree(bytes)).equals(bytes));
    }),
    { numRuns: 500 },
  );
});

test('the quick reader and the general one agree wherever the quick one answers', () => {
  let quick = 0;
  fc.assert(
    fc.property(trees, (tree) => {
      const bytes = encodeTree(tree);
      const scanned = scanTree(bytes);
      if (scanned === undefined) return;
      quick += 1;
      // a space makes the text unusual, so that the general reader is taken
      const spaced = Buffer.from(bytes.toString('latin1').replace('{"nodes":[', '{"nodes": ['), 'latin1');
      assert.equal(scanTree(spaced), undefined);
      assert.deepEqual(parseTree(spaced), scanned);
    }),
    { numRuns: 500 },
  );
  assert.ok(quick > 50, `only ${quick} trees were ordinary`);
});

test('ordinary trees take the quick reader', () => {
  const dir: TreeNode = {
    ...plainNode,
    name: toByteString('sub'),
    type: 'dir',
    content: null,
    subtree: '22'.repeat(32) as BlobId,
  };
  const link: TreeNode = {
    ...plainNode,
    name: toByteString('übung & <co>'),
    type: 'symlink',
    linkTarget: toByteString('a"b'),
    content: null,
  };
  const tree = [
    plainNode,
    {
      ...plainNode,
      name: byteStringOf(Buffer.from([0x72, 0xff])),
      extendedAttributes: [{ name: 'user.x', value: Buffer.from('1') }],
    },
    dir,
    {
      ...plainNode,
      name: toByteString('tty'),
      type: 'chardev' as const,
      device: 1280,
      content: null,
      inode: 2n ** 63n,
    },
    link,
  ];
  assert.deepEqual(scanTree(encodeTree(tree)), tree);
});

test('however a byte of a tree is damaged, both readers come to the same end', () => {
  const original = encodeTree([plainNode, { ...plainNode, name: toByteString('sub'), type: 'dir', content: null }]);
  const outcome = (read: () => unknown): unknown => {
    try {
      return read();
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  fc.assert(
    fc.property(fc.nat(original.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (at, byte) => {
      const changed = Buffer.from(original);
      changed[at] = byte;
      const quick = outcome(() => scanTree(changed));
      const spaced = Buffer.concat([changed, Buffer.from(' ')]);
      const general = outcome(() => parseTree(spaced));
      if (quick !== undefined && quick !== 'REPO_TREE_DAMAGED') assert.deepEqual(quick, general);
      if (general === 'REPO_TREE_DAMAGED') assert.ok(quick === undefined || quick === general);
    }),
    { numRuns: 2000 },
  );
});

test('numbers up to 64 bits are exact', () => {
  for (const inode of [2 ** 53 - 1, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    assert.equal(parseTree(encodeTree([{ ...plainNode, inode }]))[0]?.inode, inode);
  }
  const text = encodeNode(plainNode).replace('"inode":42', `"inode":${2n ** 64n}`);
  assert.throws(() => parseTree(treeOf(text)), { code: 'REPO_TREE_DAMAGED' });
});

test('a link target that is no UTF-8 keeps its bytes beside the readable text', () => {
  const target = byteStringOf(Buffer.from([0x61, 0xff, 0x62]));
  const node: TreeNode = { ...plainNode, type: 'symlink', linkTarget: target, content: null };
  assert.match(encodeNode(node), /"linktarget":"a\\ufffdb","linktarget_raw":"Yf9i"/);
  assert.equal(parseTree(encodeTree([node]))[0]?.linkTarget, target);
});

test('escapes of other writers are understood: any \\u form, surrogate pairs, spaces', () => {
  const text = encodeNode(plainNode)
    .replace('"user":"root"', '"user": "\\u00e9\\ud83d\\ude00\\u2028\\/"')
    .replace('"report.txt"', '"\\u00fc\\ud83d"');
  const [node] = parseTree(treeOf(text));
  assert.equal(node?.user, 'é😀\u2028/');
  assert.equal(node?.name, toByteString('ü\ufffd'));
});

test('names that could lead out of a folder are refused', () => {
  for (const name of ['', '.', '..', 'a/b', '/', 'a\\\\x00b', '\\\\x2fetc', 'a\\\\q']) {
    const text = encodeNode(plainNode).replace('report.txt', name);
    assert.throws(() => parseTree(treeOf(text)), { code: 'REPO_TREE_DAMAGED' }, name);
  }
});

test('wrong members are named and nothing else is believed', () => {
  const wrong: [string, string][] = [
    ['"type":"file"', '"type":"folder"'],
    ['"uid":0', '"uid":-1'],
    ['"uid":0', '"uid":4294967296'],
    ['"inode":42', '"inode":1.5'],
    ['"inode":42', '"inode":"42"'],
    ['"mtime":"2023-11-14', '"mtime":"2023-13-14'],
    [`"${'11'.repeat(32)}"`, '"11"'],
    ['"user":"root"', '"user":7'],
    ['"size":5', '"size":5,"extended_attributes":[{"name":"a","value":"!"}]'],
    ['"name":"report.txt"', '"title":"report.txt"'],
  ];
  for (const [from, to] of wrong) {
    const text = encodeNode(plainNode).replace(from, to);
    assert.throws(() => parseTree(treeOf(text)), { code: 'REPO_TREE_DAMAGED' }, to);
  }
  for (const text of ['', '{}', '[]', '{"nodes":{}}', '{"nodes":[1]}', `{"nodes":${'['.repeat(100_000)}`]) {
    assert.throws(() => parseTree(Buffer.from(text)), { code: 'REPO_TREE_DAMAGED' }, text.slice(0, 20));
  }
});

test('times that another program left out read as not known, unknown members are ignored', () => {
  const [node] = parseTree(Buffer.from('{"nodes":[{"name":"a","type":"dir","content":null,"future":{"x":[1]}}]}'));
  assert.equal(node?.mtime.sec, -62_135_596_800);
  assert.deepEqual(parseTree(Buffer.from('{"nodes":null}\n')), []);
});

test('trees out of order are never written', () => {
  const [a, b] = ['a', 'b'].map((name) => ({ ...plainNode, name: toByteString(name) })) as [TreeNode, TreeNode];
  assert.throws(() => encodeTree([b, a]), { code: 'INTERNAL' });
  assert.throws(() => encodeTree([a, a]), { code: 'INTERNAL' });
  // by bytes, where UTF-16 would say otherwise
  const emoji = { ...plainNode, name: toByteString('😀') };
  const high = { ...plainNode, name: toByteString('\ue000') };
  assert.equal(parseTree(encodeTree([high, emoji])).length, 2);
});

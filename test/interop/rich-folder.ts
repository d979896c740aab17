/** A folder with something of everything that a file system holds. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  ftruncateSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { toByteString } from '../../packages/repository/src/format/bytestring.ts';
import { openNative } from '../../packages/repository/src/host/native.ts';
import { setXattr } from '../../packages/repository/src/host/xattr.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { isRoot } from './stage.ts';

/** Names that every restic agrees about. What the machine or its user cannot make is left out. */
export function writeRichFolder(top: string): void {
  mkdirSync(top, { recursive: true });
  writeContents(top);
  writeLinks(top);
  writeSpecialEntries(top);
  if (isRoot) changeOwners(top);
  writeModes(top);
  writeAttributes(top);
  writeTimes(top);
}

function writeContents(top: string): void {
  const random = createSeededRandom(7);
  mkdirSync(join(top, 'many/deep/er/still'), { recursive: true });
  writeFileSync(join(top, 'empty'), '');
  writeFileSync(join(top, 'one'), 'x');
  writeFileSync(join(top, 'random.bin'), random.bytes(3_000_000));
  writeFileSync(join(top, 'zeros.bin'), Buffer.alloc(1_200_000));
  writeFileSync(join(top, 'text.log'), 'the same line again\n'.repeat(60_000));
  writeFileSync(join(top, 'many/deep/er/still/below'), 'far below');
  for (let i = 0; i < 120; i += 1) writeFileSync(join(top, `many/file ${i}.txt`), random.bytes(i * 7));
  const sparse = openSync(join(top, 'sparse.img'), 'w');
  ftruncateSync(sparse, 6 * 1024 * 1024);
  writeSync(sparse, 'an island', 3_000_000);
  closeSync(sparse);
}

function writeLinks(top: string): void {
  linkSync(join(top, 'random.bin'), join(top, 'many/random-again.bin'));
  linkSync(join(top, 'random.bin'), join(top, 'z-random-third.bin'));
  linkSync(join(top, 'empty'), join(top, 'many/empty-again'));
  symlinkSync('one', join(top, 'link'));
  symlinkSync('/etc/hostname', join(top, 'link-absolute'));
  symlinkSync('../nowhere/at all', join(top, 'many/link-dangling'));
  symlinkSync('many', join(top, 'link-folder'));
  symlinkSync('x/'.repeat(900), join(top, 'link-long'));
}

function writeSpecialEntries(top: string): void {
  const make = (...argv: string[]): void => void spawnSync(argv[0] as string, argv.slice(1));
  make('mkfifo', join(top, 'queue'));
  const listen = `require('node:net').createServer().listen(process.argv[1], () => process.exit(0))`;
  // The path of a socket is short.
  spawnSync(process.execPath, ['-e', listen, 'socket'], { cwd: top });
  if (!isRoot) return;
  make('mknod', join(top, 'null-device'), 'c', '1', '3');
  make('mknod', join(top, 'block-device'), 'b', '7', '200');
}

function changeOwners(top: string): void {
  chownSync(join(top, 'one'), 1000, 1001);
  chownSync(join(top, 'many'), 65_534, 0);
  chownSync(join(top, 'text.log'), 3_000_000_000, 4_000_000_000);
  chownSync(join(top, 'queue'), 12, 34);
  lchownSync(join(top, 'link'), 1000, 1000);
}

function writeModes(top: string): void {
  const modes: readonly (readonly [name: string, mode: number])[] = [
    ['setuid', 0o4755],
    ['setgid', 0o2711],
    ['sticky', 0o1644],
    ['everything', 0o7777],
    ['readonly', 0o400],
    // Nobody but root reads what gives no right at all.
    ...(isRoot ? ([['nothing', 0]] as const) : []),
  ];
  for (const [name, mode] of modes) {
    writeFileSync(join(top, name), name);
    if (isRoot) chownSync(join(top, name), 1000, 1000);
    chmodSync(join(top, name), mode);
  }
  for (const [name, mode] of [
    ['drop', 0o1777],
    ['team', 0o2770],
    ['closed', 0o555],
  ] as const) {
    mkdirSync(join(top, name));
    writeFileSync(join(top, name, 'inside'), name);
    chmodSync(join(top, name), mode);
  }
}

/** An ACL as the kernel takes it: user::rw-, user:1000:r--, group::r--, mask::rw-, other::---. */
const accessList = aclBytes([
  [0x01, 6, -1],
  [0x02, 4, 1000],
  [0x04, 4, -1],
  [0x10, 6, -1],
  [0x20, 0, -1],
]);

function aclBytes(entries: readonly (readonly [tag: number, rights: number, id: number])[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2);
  for (const [i, [tag, rights, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + i * 8);
    bytes.writeUInt16LE(rights, 6 + i * 8);
    bytes.writeInt32LE(id, 8 + i * 8);
  }
  return bytes;
}

function writeAttributes(top: string): void {
  const native = openNative();
  if (native === undefined) return;
  const set = (name: string, attribute: string, value: Buffer): void => {
    try {
      setXattr(native, toByteString(join(top, name)), { name: attribute, value });
    } catch {
      // This file system or user has no such attribute.
    }
  };
  set('one', 'user.note', Buffer.from('grüße'));
  set('one', 'user.binary', Buffer.from([0, 255, 10, 0, 128]));
  set('one', 'user.empty', Buffer.alloc(0));
  set('many', 'user.folder', Buffer.from('of many'));
  set('text.log', 'user.long', Buffer.alloc(2000, 'long '));
  set('text.log', 'system.posix_acl_access', accessList);
  set('team', 'system.posix_acl_access', accessList);
  set('team', 'system.posix_acl_default', accessList);
  if (!isRoot) return;
  set('many', 'trusted.secret', Buffer.from('for root'));
  // cap_net_raw+ep, version 2; setcap writes the same and is not everywhere.
  set('setgid', 'security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex'));
}

function writeTimes(top: string): void {
  const touch = (name: string, time: string): void => void spawnSync('touch', ['-h', '-d', time, join(top, name)]);
  touch('one', '@1700000000.123456789');
  touch('empty', '@0.000000001');
  touch('text.log', '@-1000000.999999999');
  touch('zeros.bin', '@4102444800.000000010');
  touch('link', '@1600000000.987654321');
  touch('queue', '@1500000000.5');
  touch('drop', '@1400000000.000000001');
  touch('many/deep', '@1300000000.100000000');
}

const printable = [
  'with space',
  'é',
  '日本',
  '🦊',
  '\ue000',
  'a"quote',
  'back\\slash',
  '\\n',
  "it's",
  '<&>',
  '*?[x]',
  '-dash',
  ' ',
  '\u00a0',
  '\u2028',
  '\u{1fae8}',
  'e\u0301',
];

/** Each byte that may be in a name, alone and inside; names that are no UTF-8; the longest ones. */
export function writeHostileFolder(top: string): void {
  rmSync(top, { recursive: true, force: true });
  mkdirSync(top, { recursive: true });
  const place = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${top}/`), name]);
  const names = printable.map((name) => Buffer.from(name));
  for (let byte = 1; byte < 256; byte += 1) {
    if (byte === 0x2f) continue;
    if (byte !== 0x2e && byte !== 0x20) names.push(Buffer.from([byte]));
    names.push(Buffer.from([0x61, byte, 0x62]));
  }
  names.push(
    Buffer.alloc(255, 0xff),
    Buffer.alloc(255, 'n'),
    Buffer.from('f0288cbc', 'hex'),
    Buffer.from('eda080', 'hex'),
  );
  const unique = new Map(names.map((name) => [name.toString('latin1'), name]));
  for (const [i, name] of [...unique.values()].entries()) {
    if (i % 11 === 3) mkdirSync(place(Buffer.concat([name.subarray(0, 250), Buffer.from('.dir')])));
    if (i % 7 === 5) symlinkSync(Buffer.concat([name, Buffer.from('\u0007\xff', 'latin1')]), place(name));
    else writeFileSync(place(name), name);
  }
}

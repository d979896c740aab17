import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAofManifest, withFreshNames } from './aof-manifest.ts';
import { AofScan } from './aof-scan.ts';

const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

function wholeOf(text: string, step: number): number {
  const bytes = Buffer.from(text);
  const scan = new AofScan();
  for (let at = 0; at < bytes.length; at += step) scan.push(bytes.subarray(at, at + step));
  return scan.wholeBytes;
}

test('the end of the last whole command is found wherever the file is cut, and a transaction is one', () => {
  const parts = [
    command('SELECT', '0'),
    '#TS:1700000000\r\n',
    command('SET', 'a\r\n*3', '$5\r\n'),
    command('MULTI') + command('SET', 'b', '1') + command('SET', 'c', '') + command('EXEC'),
    command('MULTISET', 'no transaction'),
    command('DEL', 'ü'),
  ];
  const text = parts.join('');
  const ends = parts.map((_, at) => Buffer.byteLength(parts.slice(0, at + 1).join('')));
  const bytes = Buffer.from(text);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const expected = ends.findLast((end) => end <= cut) ?? 0;
    const scan = new AofScan();
    scan.push(bytes.subarray(0, cut));
    assert.equal(scan.wholeBytes, expected, `cut at ${cut}`);
  }
  for (const step of [1, 2, 3, 5, 100]) assert.equal(wholeOf(text, step), bytes.length);
});

test('what is no command is refused with its place', () => {
  assert.throws(() => wholeOf(`${command('GET', 'x')}garbage\r\n`, 1000), /no command at byte 20/);
  assert.throws(() => wholeOf('*2\r\n$x\r\n', 1000), /no command at byte 4/);
  assert.throws(() => wholeOf('*'.repeat(5000), 100), /no command/);
});

test('a list of files keeps base and increments, in the order in which they are loaded', () => {
  const text = [
    'file log.3.incr.aof seq 3 type i startoffset 1498',
    'file log.2.base.rdb seq 2 type b',
    'file log.1.base.rdb seq 1 type h',
    '',
  ].join('\n');
  const { files, text: kept } = parseAofManifest(text);
  assert.deepEqual(files, [
    { name: 'log.2.base.rdb', kind: 'base' },
    { name: 'log.3.incr.aof', kind: 'increment' },
  ]);
  assert.match(kept, /^file log\.3\S+ seq 3 type i startoffset 1498\nfile log\.2\S+ seq 2 type b\n$/);
  for (const name of ['../../etc/passwd', '/etc/passwd', '"a b"', '.hidden', '..']) {
    assert.throws(() => parseAofManifest(`file ${name} seq 1 type b\n`), /a line that is none/);
  }
  assert.throws(() => parseAofManifest('file a.aof seq 1 type i startoffset x\n'), /a line that is none/);
  assert.throws(() => parseAofManifest(''), /is empty/);
});

test('a list gets names that are not taken, in its order', () => {
  const list =
    'file log.3.incr.aof seq 3 type i startoffset 7\nfile log.1.base.rdb seq 1 type b\nfile odd seq 9 type i\n';
  const { text, names } = withFreshNames(list, ['log.4.base.rdb', 'log.manifest', 'odd']);
  assert.equal(
    text,
    'file log.7.incr.aof seq 7 type i startoffset 7\nfile log.5.base.rdb seq 5 type b\nfile loaded-4-odd seq 13 type i\n',
  );
  assert.deepEqual([...names.values()], ['log.7.incr.aof', 'log.5.base.rdb', 'loaded-4-odd']);
  assert.equal(withFreshNames(list, []).text, list);
});

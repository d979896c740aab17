import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError } from '../errors.ts';
import { byteStringOf, carriedText, toByteString, type ByteString } from '../format/bytestring.ts';
import { parsePatternFile } from './pattern-file.ts';
import { anyOf, compilePatterns } from './patterns.ts';

function matched(patterns: string[], paths: string[], ignoreCase = false): string[] {
  const matcher = compilePatterns(patterns, { ignoreCase });
  return paths.filter((path) => matcher.matches(toByteString(path)));
}

test('a name matches wherever it stands in the path, with everything below it', () => {
  assert.deepEqual(matched(['cache'], ['/cache', '/a/cache', '/a/cache/b', '/a/cached', '/cach', 'cache', 'x/cache']), [
    '/cache',
    '/a/cache',
    '/a/cache/b',
    'cache',
    'x/cache',
  ]);
});

test('several names match as neighbours only', () => {
  assert.deepEqual(matched(['a/b'], ['/a/b', '/x/a/b/c', '/a/x/b', '/aa/b', '/a/bb']), ['/a/b', '/x/a/b/c']);
});

test('a pattern that begins with a slash begins at the root', () => {
  assert.deepEqual(matched(['/a/b'], ['/a/b', '/a/b/c', '/x/a/b', 'a/b', '/a/bc']), ['/a/b', '/a/b/c']);
});

test('stars and question marks stay inside one name', () => {
  const paths = ['/a.o', '/dir/b.o', '/a.oo', '/o', '/.o', '/x/y.o/z'];
  assert.deepEqual(matched(['*.o'], paths), ['/a.o', '/dir/b.o', '/.o', '/x/y.o/z']);
  assert.deepEqual(matched(['/*.o'], paths), ['/a.o', '/.o']);
  assert.deepEqual(matched(['?.o'], paths), ['/a.o', '/dir/b.o', '/x/y.o/z']);
  assert.deepEqual(matched(['d*r', '*.oo', '*c*'], ['/dr', '/dir', '/d.oo', '/abcd', '/ird']), [
    '/dr',
    '/dir',
    '/d.oo',
    '/abcd',
  ]);
});

test('two stars stand for any number of folders', () => {
  const paths = ['/a/z', '/a/b/z', '/a/b/c/z', '/z', '/a', '/b/a/c/z/d'];
  assert.deepEqual(matched(['/a/**/z'], paths), ['/a/z', '/a/b/z', '/a/b/c/z']);
  assert.deepEqual(matched(['a/**/z'], paths), ['/a/z', '/a/b/z', '/a/b/c/z', '/b/a/c/z/d']);
  assert.deepEqual(matched(['**/z'], paths), ['/a/z', '/a/b/z', '/a/b/c/z', '/z', '/b/a/c/z/d']);
  assert.deepEqual(matched(['/a/**'], paths), ['/a/z', '/a/b/z', '/a/b/c/z', '/a']);
  assert.deepEqual(matched(['/'], paths), paths);
});

test('a question mark and a class take one character, not one byte, and one byte where the name is not UTF-8', () => {
  assert.deepEqual(matched(['?.txt'], ['/é.txt', '/日.txt', '/😀.txt', '/éé.txt']), ['/é.txt', '/日.txt', '/😀.txt']);
  assert.deepEqual(matched(['[à-ü]'], ['/é', '/e', '/日']), ['/é']);
  assert.deepEqual(matched(['[^a-z]x'], ['/1x', '/ax', '/éx']), ['/1x', '/éx']);
  assert.deepEqual(matched(['\\*\\[', '[\\]*]'], ['/*[', '/a[', '/]', '/*', '/b']), ['/*[', '/]', '/*']);
  assert.ok(compilePatterns(['?b']).matches(byteStringOf(Buffer.from('/\xffb', 'latin1'))));
  assert.ok(!compilePatterns(['?b']).matches(byteStringOf(Buffer.from('/\xff\xffb', 'latin1'))));
});

test('an exclamation mark takes back what an earlier pattern matched, and a later one may match it again', () => {
  const paths = ['/a.log', '/keep.log', '/keep.log.1'];
  assert.deepEqual(matched(['*.log', '!keep.log'], paths), ['/a.log']);
  assert.deepEqual(matched(['!keep.log', '*.log'], paths), ['/a.log', '/keep.log']);
  assert.deepEqual(matched(['*.log*', '!keep.*', 'keep.log.1'], paths), ['/a.log', '/keep.log.1']);
});

test('letters of both cases are one when asked, also outside ASCII', () => {
  assert.deepEqual(matched(['*.JPG', 'Éa', 'ΑΣ'], ['/x.jpg', '/X.Jpg', '/éA', '/ας', '/ασ'], true), [
    '/x.jpg',
    '/X.Jpg',
    '/éA',
    '/ασ',
  ]);
});

test('a folder is worth descending when something below it may match', () => {
  const below = (patterns: string[], path: string): boolean =>
    compilePatterns(patterns).mayMatchBelow(toByteString(path));
  assert.ok(below(['/a/b/c'], '/a'));
  assert.ok(below(['/a/b/c'], '/a/b/c/d'));
  assert.ok(!below(['/a/b/c'], '/x'));
  assert.ok(!below(['/a/*/c'], '/a/b/x'));
  assert.ok(below(['/a/**/c'], '/a/b/x'));
  assert.ok(!below(['/a/**/c'], '/b'));
  assert.ok(below(['x', '/a'], '/b'));
  assert.ok(!below(['x', '!b'], '/b'));
  assert.ok(!below([], '/b'));
});

test('unnecessary slashes and dots in a pattern do not matter', () => {
  assert.deepEqual(matched(['//a//./b/../c/'], ['/a/c', '/a/b']), ['/a/c']);
});

test('every malformed pattern is named in one refusal', () => {
  for (const bad of ['[', 'a[', '[]', '[a-]', 'x\\', '[^]', 'a/[b/c']) {
    assert.throws(
      () => compilePatterns(['fine', bad]),
      (error) => isCoffreError(error, 'USAGE') && error.message.includes(bad),
      bad,
    );
  }
});

test('no pattern matches nothing, and empty patterns are left out', () => {
  assert.ok(compilePatterns([]).isEmpty);
  assert.ok(compilePatterns(['']).isEmpty);
  assert.deepEqual(matched([''], ['/a']), []);
});

test('several matchers together match what one of them matches', () => {
  const both = anyOf([
    compilePatterns(['*.log']),
    compilePatterns(['*.TMP'], { ignoreCase: true }),
    compilePatterns([]),
  ]);
  assert.deepEqual(
    ['/a.log', '/a.LOG', '/b.tmp'].filter((path) => both.matches(toByteString(path))),
    ['/a.log', '/b.tmp'],
  );
  assert.ok(anyOf([compilePatterns([])]).isEmpty);
});

test('property: what matches a folder matches everything below it, and the folder was worth descending', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'c.txt', '日本');
  const part = fc.constantFrom('a', 'b', '*', '?', '**', 'a*', '*.txt', '[ab]', '日*');
  const pattern = fc
    .tuple(fc.constantFrom('', '/'), fc.array(part, { minLength: 1, maxLength: 4 }))
    .map(([root, parts]) => root + parts.join('/'));
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 1, maxLength: 3 }),
      fc.array(name, { minLength: 1, maxLength: 4 }),
      name,
      (patterns, names, child) => {
        const matcher = compilePatterns(patterns);
        const folder = toByteString(`/${names.join('/')}`);
        const below = toByteString(`/${names.join('/')}/${child}`);
        if (matcher.matches(folder)) assert.ok(matcher.matches(below));
        if (matcher.matches(below)) assert.ok(matcher.mayMatchBelow(folder));
      },
    ),
  );
});

test('a pattern may hold bytes that are not UTF-8', () => {
  const name = 'caf\xe9' as ByteString;
  const path = `/srv/${name}/menu` as ByteString;
  for (const options of [{}, { ignoreCase: true }]) {
    assert.ok(compilePatterns([carriedText(name)], options).matches(path));
    assert.ok(!compilePatterns(['café'], options).matches(path));
  }
  const [fromFile] = parsePatternFile(Buffer.from('\xef\xbb\xbf/srv/caf\xe9\n', 'latin1'), {});
  assert.ok(compilePatterns([fromFile ?? '']).matches(path));
});

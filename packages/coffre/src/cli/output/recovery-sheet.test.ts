import assert from 'node:assert/strict';
import { test } from 'node:test';
import createCode from 'qrcode-generator';
import { qrLines, qrModules, qrSvg } from './qr-code.ts';
import { sheetHtml } from './recovery-sheet-html.ts';
import { quoteWord, sheetText, shownPassword } from './recovery-sheet.ts';
import type { RecoverySheet } from './recovery-sheet.ts';

const sheet: RecoverySheet = {
  address: '/srv/my backups',
  repositoryId: 'ab'.repeat(32),
  key: { id: 'cd'.repeat(32), created: '2026-01-02 03:04:05', owner: 'ann@web' },
  password: '<correct> & "horse"',
  madeAt: '2026-02-03 04:05:06',
  madeOn: 'desk',
  access: undefined,
};

/** The modules back from half blocks. */
function readLines(lines: readonly string[]): boolean[][] {
  return lines.flatMap((line) => [
    Array.from(line).map((block) => block === '█' || block === '▀'),
    Array.from(line).map((block) => block === '█' || block === '▄'),
  ]);
}

/** As the library itself draws them, with one module around. */
function libraryModules(password: string): boolean[][] {
  const code = createCode(0, 'M');
  code.addData(password, 'Byte');
  code.make();
  const count = code.getModuleCount();
  return Array.from({ length: count }, (_row, y) => Array.from({ length: count }, (_, x) => code.isDark(y, x)));
}

test('half blocks and squares draw the modules of the code with a quiet zone around', () => {
  const modules = qrModules(sheet.password);
  assert.ok(modules);
  assert.deepEqual(modules, libraryModules(sheet.password));
  const drawn = readLines(qrLines(modules));
  const inside = drawn.slice(4, 4 + modules.length).map((row) => row.slice(4, 4 + modules.length));
  assert.deepEqual(inside, modules);
  const dark = (rows: readonly (readonly boolean[])[]): number => rows.flat().filter(Boolean).length;
  assert.equal(dark(drawn), dark(modules));
  assert.equal(qrSvg(modules).match(/h1v1h-1z/g)?.length, dark(modules));
});

test('a password beyond ASCII is in the code as UTF-8, and one that is too long is in none', () => {
  assert.deepEqual(qrModules('Käfig'), libraryModules(Buffer.from('Käfig').toString('latin1')));
  assert.ok(qrModules('x'.repeat(800)));
  assert.equal(qrModules('x'.repeat(801)), undefined);
  assert.match(sheetText({ ...sheet, password: 'x'.repeat(801) }), /too long for a QR code/);
});

test('both forms hold what is needed to restore, exactly', () => {
  const text = sheetText(sheet);
  const html = sheetHtml(sheet);
  for (const fact of [sheet.repositoryId, sheet.key.id, 'ann@web', 'desk', 'This paper opens the backup']) {
    assert.ok(text.includes(fact), fact);
    assert.ok(html.includes(fact), fact);
  }
  assert.ok(text.includes('\n    <correct> & "horse"\n'));
  assert.ok(html.includes('&lt;correct&gt; &amp; &quot;horse&quot;'));
  for (const program of ['coffre', 'restic'])
    assert.ok(text.includes(`    export RESTIC_REPOSITORY='/srv/my backups'\n    ${program} snapshots\n`));
});

test('the page is one file: nothing is fetched, nothing runs, and nothing in it becomes markup', () => {
  const html = sheetHtml({ ...sheet, address: '</code><script>x()</script>', madeOn: '<img src=x>' });
  assert.equal(/<(?:script|img|link|iframe)|href=|url\(|@import/.test(html), false);
});

test('what cannot be seen in a password is said', () => {
  assert.deepEqual(shownPassword('abc'), { text: 'abc', note: '3 characters' });
  assert.match(shownPassword('abc ').note, /^4 characters, some of them spaces/);
  assert.match(shownPassword('Käfig').note, /compare what a scanner shows/);
  assert.equal(shownPassword('a\tb').text, String.raw`"a\tb"`);
  assert.match(shownPassword('a\tb').note, /escapes/);
});

test('words are quoted for a shell only where they need it', () => {
  assert.equal(quoteWord('s3:https://host/bucket'), 's3:https://host/bucket');
  assert.equal(quoteWord("it's"), String.raw`'it'\''s'`);
});

test('on a terminal the code is black on white whatever its colours', () => {
  assert.ok(sheetText(sheet, { coloured: true }).includes('\x1b[30;107m'));
  assert.ok(!sheetText(sheet).includes('\x1b'));
});

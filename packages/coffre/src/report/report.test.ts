/** The numbers of a report, and that every format shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { composeReport } from './compose.ts';
import { csvReport } from './csv.ts';
import type { ReportDocument } from './document.ts';
import { htmlReport } from './html.ts';
import { markdownReport } from './markdown.ts';
import { pdfReport } from './pdf.ts';
import { textReport } from './plain-text.ts';
import { reportJson } from './report-json.ts';
import { listedMax, reportOf, successShare } from './report.ts';
import { sampleFacts } from './testing/sample.ts';

const localTime = (instantMs: number): string => new Date(instantMs).toISOString().slice(0, 16);

function composed(name: string, language: 'en' | 'fr' = 'en'): ReportDocument {
  return composeReport(reportOf(sampleFacts(name)), { language, localTime, version: '1.2.3' });
}

test('what ended well or badly is counted, what was cancelled or goes on is neither', () => {
  const report = reportOf(sampleFacts('shop'));
  assert.deepEqual(report.backups, { good: 10, bad: 2, other: 2, warnings: 1 });
  assert.equal(successShare(report.backups), 10 / 12);
  assert.deepEqual(report.slots, { due: 12, inTime: 9, late: 1, missed: 1 });
  assert.deepEqual(report.copies, { good: 7, bad: 1, other: 0, warnings: 0 });
  const [plan] = report.plans;
  assert.equal(plan!.meanMs, 60_000);
  assert.equal(plan!.trend, 1);
  const [shop, copy] = report.repositories;
  assert.equal(shop!.bytesStored, 3_000_000_000);
  assert.equal(shop!.snapshotsRemoved, 4);
  assert.equal(Math.round(shop!.daysToFull!), 70);
  assert.equal(copy!.bytesStored, 2_000_000);
});

test('of each source it is told what was read, added and stored, and what a restore of it would take', () => {
  const facts = sampleFacts('shop');
  const [item] = facts.status.items;
  const figures = { restoreEstimateMs: 90_000, differentialEstimateMs: 30_000 };
  const backup = { ...item!.backup, figures };
  const told = (measured: Record<string, number>): ReturnType<typeof reportOf> =>
    reportOf({
      ...facts,
      status: {
        ...facts.status,
        items: [
          { ...item!, plan: 'shop', source: 'shop', backup: { ...backup, figures: { ...figures, ...measured } } },
        ],
      },
    });
  assert.deepEqual(told({ restoreMeasured: 1 }).amounts, [
    {
      plan: 'shop',
      source: 'shop',
      bytesRead: 5_000_000,
      bytesNew: 2_000_000,
      bytesStored: 3_000_000_000,
      restore: { fullMs: 90_000, differentialMs: 30_000, incrementalMs: undefined, isMeasured: true },
    },
  ]);
  const shown = (report: ReturnType<typeof reportOf>): string =>
    textReport(composeReport(report, { language: 'en', localTime, version: '1' }));
  assert.match(shown(told({ restoreMeasured: 1 })), /shop +shop +4\.768 MiB +1\.907 MiB +2\.794 GiB +2 min +30 s +-\n/);
  assert.match(shown(told({})), /2 min \(\?\) +30 s \(\?\) +-\n/);
  assert.equal(reportOf(facts).amounts[0]?.restore, undefined);
});

test('a share that is not whole is never shown as whole, and the verdict names what broke', () => {
  const document = composed('shop');
  assert.equal(document.level, 'critical');
  assert.equal(document.sentence, '2 of 12 backups failed; 1 objective not kept, 1 slot missed, 1 failed copy');
  assert.match(textReport(document), /99\.9%\s+no/);
  assert.equal(
    composed('shop', 'fr').sentence,
    '2 sauvegardes échouées sur 12 ; 1 objectif non tenu, 1 créneau manqué, 1 copie échouée',
  );
});

test('a report of nothing says so', () => {
  const facts = sampleFacts('shop');
  const empty = {
    sums: [],
    before: [],
    days: [],
    slots: [],
    failures: [],
    missed: [],
    restores: [],
    verifications: [],
    named: [],
    objectives: [],
  };
  const document = composeReport(reportOf({ ...facts, ...empty, plans: [], rooms: new Map() }), {
    language: 'en',
    localTime,
    version: '1',
  });
  assert.equal(document.level, 'unknown');
  assert.match(textReport(document), /No backup was made/);
  assert.match(textReport(document), /Nothing was restored/);
});

test('long lists are cut, and say so', () => {
  const facts = sampleFacts('shop');
  const failures = Array.from({ length: listedMax + 1 }, () => facts.failures[0]!);
  const text = textReport(composeReport(reportOf({ ...facts, failures }), { language: 'en', localTime, version: '1' }));
  assert.match(text, /The first 200 are shown; there are more\./);
  assert.equal((reportJson(reportOf({ ...facts, failures })) as { cut: boolean }).cut, true);
});

/** The text of a PDF whose parts are compressed, as far as it is written in Latin letters. */
function pdfText(bytes: Uint8Array): string {
  const file = Buffer.from(bytes);
  const texts: string[] = [];
  for (let at = file.indexOf('stream\n'); at >= 0; at = file.indexOf('stream\n', at + 7)) {
    if (file.subarray(at - 3, at).toString() === 'end') continue;
    try {
      texts.push(inflateSync(file.subarray(at + 7)).toString('latin1'));
    } catch {
      // A font, or what is not compressed.
    }
  }
  const hex = texts.join('').matchAll(/<([0-9a-f]+)>/g);
  return [...hex].map(([, digits]) => Buffer.from(digits!, 'hex').toString('latin1')).join('');
}

test('a PDF holds the verdict and the tables, over several pages, and is the same twice', async () => {
  const facts = sampleFacts('Brûlerie');
  const failures = Array.from({ length: 150 }, (_, at) => ({ ...facts.failures[0]!, reason: `cause ${at}` }));
  const document = composeReport(reportOf({ ...facts, failures }), { language: 'fr', localTime, version: '1' });
  const [one, other] = [await pdfReport(document, 0), await pdfReport(document, 0)];
  assert.deepEqual(one, other);
  const text = pdfText(one);
  for (const words of ['Brûlerie', 'Échecs et avertissements', 'cause 149', '1/']) {
    assert.ok(text.replaceAll(/\s/g, '').includes(words.replaceAll(/\s/g, '')), words);
  }
});

test('a PDF is made of any name, and of a cause that is longer than a page', async () => {
  const names = [
    '',
    '日本',
    '\u001b[31m',
    ')\\(',
    'x'.repeat(3000),
    Array.from({ length: 900 }, () => 'word').join(' '),
    '\ud800',
  ];
  for (const name of names) {
    const bytes = await pdfReport(composed(name), 0);
    assert.equal(Buffer.from(bytes.subarray(0, 5)).toString(), '%PDF-');
    const pages = Buffer.from(bytes)
      .toString('latin1')
      .match(/\/Type \/Page\b/g)!.length;
    assert.ok(pages < 30, `${pages} pages`);
  }
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    "=cmd|' /C calc'!A0",
    '+1+1',
    '-2+3',
    '@SUM(A1)',
    '\t=1',
    '<script>alert(1)</script>',
    '"><img src=x>',
    "a'b",
    '| x |',
    '[a](b)',
    '\u001b[31m',
    'a\r\nb',
    '\u202e',
    '日本',
  ),
);

test('nothing that has a name can act in any format', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, fc.constantFrom('en' as const, 'fr' as const), async (name, language) => {
      const document = composed(name, language);
      assert.doesNotMatch(textReport(document).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
      const html = htmlReport(document);
      const tags = new Set([...html.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag));
      for (const tag of ['script', 'img', 'iframe', 'object', 'link', 'a']) assert.ok(!tags.has(tag), tag);
      assert.doesNotMatch(html, /https?:|url\(|\son[a-z]+=/);
      assert.equal(html.match(/<td/g)!.length, htmlReport(composed('plain', language)).match(/<td/g)!.length);
      for (const line of csvReport(document).slice(1).split('\r\n')) {
        for (const cell of cellsOf(line)) {
          assert.ok(/^[+-]\d+%$|^[+-]\d+ %$|^-$/.test(cell) || !/^\s*[=+@-]/u.test(cell), cell);
        }
      }
      const rows = markdownReport(document)
        .split('\n')
        .filter((line) => line.startsWith('| '));
      assert.equal(
        rows.length,
        markdownReport(composed('plain', language))
          .split('\n')
          .filter((line) => line.startsWith('| ')).length,
      );
      assert.equal(
        JSON.stringify(JSON.parse(JSON.stringify(reportJson(reportOf(sampleFacts(name)))))).length > 0,
        true,
      );
    }),
    { numRuns: 150, seed: 20261121 },
  );
});

function cellsOf(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell = '']) =>
    cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell,
  );
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failures, formatRows, markdownTable, plainTable, type Row } from './report.ts';

const sample = (wallMs: number) => ({ wallMs, cpuMs: wallMs * 2, peakBytes: 150e6 });
const rows: Row[] = [
  {
    name: 'first backup',
    cells: [
      {
        tool: 'coffre',
        samples: [sample(1000), sample(1200)],
        repositoryBytes: 12_345_678,
        apart: { keyMs: 400, lockMs: 200 },
      },
      { tool: 'restic', samples: [sample(2000), sample(2400)], repositoryBytes: 13e6 },
      { tool: 'kopia', samples: [], failure: 'failed with 1: no space' },
    ],
  },
];

test('a row gives each tool its times, and peers their ratio to Coffre', () => {
  const [, ours, restic, kopia] = formatRows(rows, 'coffre');
  assert.deepEqual(ours, [
    'first backup',
    'coffre (key 0.40, lock 0.20)',
    '1.00',
    '1.10',
    '2.20',
    '150',
    '12.3',
    '',
    '',
  ]);
  assert.deepEqual(restic, ['', 'restic', '2.00', '2.20', '4.40', '150', '13.0', '2.00', '2.00']);
  assert.deepEqual(kopia, ['', 'kopia', 'failed', '', '', '', '', '', '']);
});

test('without Coffre there are times and no ratios', () => {
  const [, , restic] = formatRows([{ name: 'x', cells: (rows[0]?.cells ?? []).slice(0, 2) }], 'another');
  assert.deepEqual(restic?.slice(-2), ['', '']);
});

test('every failure is told with its row and tool', () => {
  assert.deepEqual(failures(rows), ['first backup, kopia: failed with 1: no space']);
});

test('tables are aligned for a terminal and valid as Markdown', () => {
  const lines = [
    ['row', 'tool', 's'],
    ['first', 'restic', '12.5'],
  ];
  assert.equal(plainTable(lines), 'row    tool       s\nfirst  restic  12.5');
  assert.equal(markdownTable(lines), '| row | tool | s |\n| --- | --- | --: |\n| first | restic | 12.5 |');
});

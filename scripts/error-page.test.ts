import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorCodes, type ErrorCode } from '@coffre/repository';
import { exitCodeOfCode } from '../packages/coffre/src/cli/exit-code.ts';

test('the page of errors lists every code once, with the meaning and the exit code of the program', () => {
  const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (\d+) \| .+ \|$/gm)].map(
    (row) => `${row[1]}: ${row[2]} (${row[3]})`,
  );
  const codes = Object.entries(errorCodes) as [ErrorCode, string][];
  const expected = codes.map(([code, meaning]) => `${code}: ${meaning} (${exitCodeOfCode(code)})`);
  assert.deepEqual(rows.toSorted(), expected.toSorted());
});

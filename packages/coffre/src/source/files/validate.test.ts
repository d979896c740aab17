import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { createFiles, systemClock, toByteString } from '@coffre/repository';
import { createPrograms } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import { judgeOf, type Validation } from './validate.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-validate-'));
after(() => rmSync(scratch, { recursive: true }));

const context: SourceContext = {
  searchPath: '/usr/bin:/bin',
  programs: createPrograms({ PATH: process.env['PATH'] }),
  files: createFiles(),
  clock: systemClock(),
  temporaryFolder: scratch,
  signal: new AbortController().signal,
  warn: () => undefined,
};

async function faultOf(validation: Validation, bytes: Buffer): Promise<string | undefined> {
  return await judgeOf(validation, context).faultOf(toByteString('/state'), bytes);
}

function database(journalMode: string): Buffer {
  const path = join(scratch, `${journalMode}.sqlite`);
  const made = new DatabaseSync(path);
  made.exec(`PRAGMA journal_mode = ${journalMode}; CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(20000))`);
  made.close();
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}

const cases: readonly [Validation, Buffer, Buffer][] = [
  [{ kind: 'toml' }, Buffer.from('a = 1\n[b]\nc = "é"\n'), Buffer.from('a = 1\n[b]\nc = "')],
  [{ kind: 'json' }, Buffer.from('{"a":[1]}'), Buffer.from('{"a":[1')],
  [{ kind: 'yaml' }, Buffer.from('a: [1, 2]\n---\nb: 1\n'), Buffer.from('a: [1, 2')],
  [{ kind: 'sqlite' }, database('wal'), database('wal').subarray(0, -5000)],
  [{ kind: 'sqlite' }, database('delete'), database('delete').subarray(0, 8192)],
  [{ kind: 'command', argv: ['grep', '-q', 'end$'] }, Buffer.from('to the end'), Buffer.from('to the en')],
];

for (const [validation, sound, torn] of cases) {
  test(`${validation.kind}: what is whole is sound; cut off, empty or zeroed it is not`, async () => {
    assert.equal(await faultOf(validation, sound), undefined);
    const zeroed = Buffer.from(sound).fill(0, sound.byteLength >> 1);
    for (const bad of [torn, Buffer.alloc(0), Buffer.from(' \n'), Buffer.alloc(4096), zeroed]) {
      assert.notEqual(await faultOf(validation, bad), undefined);
    }
    assert.deepEqual(readdirSync(scratch), []);
  });
}

test('text that is no UTF-8 is not sound', async () => {
  const bytes = Buffer.from([0x22, 0xff, 0x22]);
  for (const kind of ['json', 'yaml', 'toml'] as const) assert.notEqual(await faultOf({ kind }, bytes), undefined);
});

import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PackId } from '../ids.ts';
import { VerificationLedger } from './verification-ledger.ts';

const dayMs = 24 * 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

function pack(number: number): PackId {
  return number.toString(16).padStart(64, 'abc').split('').toReversed().join('') as PackId;
}

function openIn(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-ledger-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const warnings: string[] = [];
  const open = (nowMs = startMs, repositoryId = 'ab'.repeat(32)): VerificationLedger =>
    new VerificationLedger({ folder, repositoryId, nowMs, warn: (about) => warnings.push(about) });
  return { open, path: join(folder, 'verified-packs'), folder, warnings };
}

test('what was noted is there in the next process; of a pack that was wrong since, nothing counts', (t) => {
  const { open, warnings } = openIn(t);
  const first = open();
  first.meet([pack(1), pack(2), pack(3)], startMs);
  first.noteRight(pack(1), startMs + dayMs);
  first.noteRight(pack(2), startMs + dayMs);
  first.noteWrong(pack(2), startMs + 2 * dayMs);
  first.noteChecked(startMs + 2 * dayMs);
  const second = open(startMs + 3 * dayMs);
  assert.deepEqual(second.reading(pack(1)), { seenMs: startMs, readMs: startMs + dayMs });
  assert.deepEqual(second.reading(pack(2)), { seenMs: startMs });
  assert.deepEqual(second.reading(pack(3)), { seenMs: startMs });
  assert.equal(second.reading(pack(4)), undefined);
  assert.equal(second.checkedMs, startMs + 2 * dayMs);
  assert.deepEqual(warnings, []);
});

test('entries of packs that are gone are dropped, and many checks do not make the file long', (t) => {
  const { open, path } = openIn(t);
  for (let run = 0; run < 60; run += 1) {
    const ledger = open(startMs + run * 1000);
    ledger.meet([pack(run), pack(run + 1)], startMs);
    ledger.noteRight(pack(run), startMs + run * 1000);
    ledger.noteRight(pack(run + 1), startMs + run * 1000);
    ledger.flush();
  }
  assert.ok(statSync(path).size < 100 * 28);
  assert.equal(open(startMs + 2_000_000).reading(pack(3)), undefined);
});

test('cut at any byte, the file loses what comes after the cut, claims nothing new and takes up work again', (t) => {
  const { open, path } = openIn(t);
  const whole = open();
  whole.meet([pack(1), pack(2)], startMs);
  whole.noteRight(pack(1), startMs + dayMs);
  whole.noteRight(pack(2), startMs + dayMs);
  whole.flush();
  const bytes = readFileSync(path);
  for (let size = bytes.byteLength; size >= 0; size -= 1) {
    writeFileSync(path, bytes);
    truncateSync(path, size);
    const cut = open(startMs + dayMs);
    assert.equal(cut.reading(pack(2))?.readMs, size === bytes.byteLength ? startMs + dayMs : undefined);
    cut.meet([pack(1), pack(2)], startMs + dayMs);
    cut.noteRight(pack(2), startMs + dayMs);
    cut.flush();
    assert.equal(open(startMs + dayMs).reading(pack(2))?.readMs, startMs + dayMs, `after a cut at ${size}`);
  }
});

test('a damaged record, a foreign file and a note from another repository are not believed, and one is told', (t) => {
  const { open, path, warnings } = openIn(t);
  const fill = (): void => {
    rmSync(path, { force: true });
    const ledger = open();
    ledger.meet([pack(1), pack(2)], startMs);
    ledger.noteRight(pack(1), startMs);
    ledger.noteRight(pack(2), startMs);
    ledger.flush();
  };
  const damages: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte))),
    () => Buffer.from('{"verified":["everything"]}'.repeat(10)),
    (bytes) => Buffer.concat([bytes.subarray(0, 32), Buffer.alloc(280)]),
  ];
  for (const damage of damages) {
    fill();
    warnings.length = 0;
    writeFileSync(path, damage(readFileSync(path)));
    const damaged = open();
    assert.equal(damaged.reading(pack(2)), undefined);
    assert.match(warnings.join(), /is damaged/);
    damaged.meet([pack(1), pack(2)], startMs);
    warnings.length = 0;
    assert.equal(open().reading(pack(2))?.seenMs, startMs);
    assert.deepEqual(warnings, []);
  }
  fill();
  warnings.length = 0;
  assert.equal(open(startMs, 'cd'.repeat(32)).reading(pack(1)), undefined);
  assert.match(warnings.join(), /is damaged/);
});

test('two processes append to one file, and both are heard', (t) => {
  const { open, warnings } = openIn(t);
  open().meet([pack(1), pack(2)], startMs);
  const [one, two] = [open(), open()];
  for (const ledger of [one, two]) ledger.meet([pack(1), pack(2)], startMs);
  one.noteRight(pack(1), startMs);
  two.noteRight(pack(2), startMs);
  one.flush();
  two.flush();
  const both = open();
  assert.deepEqual([both.reading(pack(1))?.readMs, both.reading(pack(2))?.readMs], [startMs, startMs]);
  assert.deepEqual(warnings, []);
});

test('a note from a clock that ran years ahead does not count', (t) => {
  const { open } = openIn(t);
  const ahead = open(startMs + 4000 * dayMs);
  ahead.meet([pack(1)], startMs);
  ahead.noteRight(pack(1), startMs + 4000 * dayMs);
  ahead.flush();
  assert.equal(open(startMs + dayMs).reading(pack(1))?.readMs, undefined);
});

test('a file deleted under a running check comes back whole; a folder that cannot be written is one warning', (t) => {
  const { open, path, folder, warnings } = openIn(t);
  const ledger = open();
  ledger.meet([pack(1)], startMs);
  rmSync(path);
  ledger.noteRight(pack(1), startMs);
  ledger.flush();
  assert.equal(open().reading(pack(1))?.readMs, startMs);
  rmSync(folder, { recursive: true });
  appendFileSync(folder, 'a file where the folder was');
  chmodSync(folder, 0o400);
  ledger.noteRight(pack(1), startMs);
  ledger.flush();
  ledger.noteRight(pack(1), startMs);
  ledger.flush();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /cannot be written/);
});

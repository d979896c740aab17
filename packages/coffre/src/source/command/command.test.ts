import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { contextIn, everyStep, savedAs, saveInMemory } from '../testing/saved.ts';
import { command, type CommandSettings } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const temporary = join(folder, 'tmp');
mkdirSync(temporary);
const context = contextIn(temporary);
const text = join(folder, 'text');
const settings: CommandSettings = {
  name: 'dump',
  argv: ['cat', text],
  load: ['tee', join(folder, 'got')],
  timeoutMs: 5000,
};

test('what was printed is proved by its bytes, and only that step is claimed', async () => {
  writeFileSync(text, 'much text\n'.repeat(20_000));
  const saved = await saveInMemory(command, settings, context);
  const verified = await command.verify(saved, context, everyStep);
  assert.deepEqual(verified, { passed: ['archive'], proved: ['200000 bytes as printed'], differences: [] });
  const [[path, bytes] = ['', Buffer.alloc(0)]] = saved.contents;
  for (const faulty of [bytes.subarray(0, -1), Buffer.concat([bytes, bytes]), Buffer.alloc(200_000)]) {
    const torn = savedAs(command, 'dump', saved.truth, new Map([[path, faulty]]));
    const { passed, differences } = await command.verify(torn, context, everyStep);
    assert.deepEqual(passed, []);
    assert.equal(differences.length, 1);
  }
});

test('the live program is run to compare, only looked for to check, and its load gets every byte', async () => {
  writeFileSync(text, 'one');
  const saved = await saveInMemory(command, settings, context);
  assert.deepEqual(command.differences(saved.truth, await command.present(settings, context)), []);
  writeFileSync(text, 'three');
  const said = command.differences(saved.truth, await command.present(settings, context));
  assert.deepEqual(said, ['it prints 5 bytes that are not the 3 saved']);
  assert.deepEqual((await command.quickCheck(settings, context)).passed, ['open']);
  const missing = await command.quickCheck({ ...settings, argv: ['/no/such program'] }, context);
  assert.deepEqual(missing.differences, ['there is no program /no/such program']);
  const target = { to: undefined, only: [], settings: undefined };
  await assert.rejects(command.load(saved, { ...target, overwrite: false }, context), /into what is live/);
  await command.load(saved, { ...target, overwrite: true }, context);
  assert.equal(readFileSync(join(folder, 'got'), 'utf8'), 'one');
  {
    await using scratch = await command.scratch(saved, context);
    assert.equal(readFileSync(scratch.place, 'utf8'), 'one');
  }
  assert.deepEqual(readdirSync(temporary), []);
  await assert.rejects(command.present({ ...settings, argv: ['false'] }, context), /exit code 1/);
});

/** A minute of a process that swaps folders for links while we restore. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ByteString } from '../format/bytestring.ts';
import { attemptRestore as attempt, makeYard, saveTree } from '../testing/restore-yard.ts';
import type { SampleTree } from '../testing/sample-repository.ts';

const mine = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Swaps folders of the target for links to the outside and back, as fast as it can. */
const swapper = `
  const fs = require('node:fs');
  const [target, outside] = process.argv.slice(1);
  const names = Array.from({ length: 8 }, (_, i) => target + '/folder' + i);
  process.on('message', () => process.exit());
  let swaps = 0;
  const step = () => {
    for (let round = 0; round < 50; round++) {
      for (const name of names) {
        try {
          fs.renameSync(name, name + '.away');
          fs.symlinkSync(outside, name);
          swaps++;
          fs.unlinkSync(name);
          fs.renameSync(name + '.away', name);
        } catch {}
      }
    }
    if (swaps > 0) process.send(swaps);
    setImmediate(step);
  };
  step();`;

test('a process that swaps folders for links while we write gets nothing outside', async () => {
  const entries: { [name: string]: SampleTree } = {};
  for (let folder = 0; folder < 8; folder++) {
    const files: { [name: string]: SampleTree[string] } = {};
    for (let i = 0; i < 120; i++)
      files[`file${i}`] = { type: 'file', chunks: [`${folder} ${i}`], mode: 0o777, ...mine };
    files['link'] = { type: 'symlink', linkTarget: 'x' as ByteString };
    files['deeper'] = { inner: 'inner', precious: 'hostile' };
    files['precious'] = 'hostile';
    entries[`folder${folder}`] = files;
  }
  const world = await saveTree(entries);
  using yard = makeYard();
  const { outside } = yard;
  const child = spawn(process.execPath, ['-e', swapper, yard.target, outside], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const other = { swaps: 0 };
  child.on('message', (count: number) => {
    other.swaps = count;
  });
  let rounds = 0;
  try {
    const end = Date.now() + 15_000;
    for (; rounds < 12 || (other.swaps < 100 && Date.now() < end); rounds++) {
      for (const options of [{}, { delete: true }, { overwrite: 'if-changed' as const, verify: true }]) {
        await attempt(world, yard.target, options);
        assert.deepEqual(readdirSync(outside), ['precious'], `round ${rounds}`);
      }
      if (rounds % 3 === 2) {
        const old = join(yard.target, '..', `old${rounds}`);
        renameSync(yard.target, old); // the other process knows its folders by name: it is out of there
        mkdirSync(yard.target);
        rmSync(old, { recursive: true });
      }
    }
  } finally {
    const ended = once(child, 'exit');
    child.send('stop');
    await ended;
  }
  assert.ok(other.swaps > 0, 'the other process never got a turn');
  yard.assertUntouched();
});

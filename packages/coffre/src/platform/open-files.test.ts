import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { processesHolding } from './open-files.ts';

test(
  'a program that has the file open is found, until it ends',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-open-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'held');
    writeFileSync(file, 'x');
    assert.deepEqual(processesHolding(file), []);
    const holder = spawn('sh', ['-c', 'exec 3<"$1"; echo ready; read never', 'sh', file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    assert.deepEqual(processesHolding(file), [holder.pid]);
    holder.stdin.end();
    await once(holder, 'close');
    assert.deepEqual(processesHolding(file), []);
  },
);

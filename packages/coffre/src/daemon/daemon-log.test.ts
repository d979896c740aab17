/** The log of the daemon where it cannot be written. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDaemonLog } from './daemon-log.ts';

test(
  'a disk without room ends nothing: lines are still echoed, that they are not kept is said once, and it can be closed',
  { skip: !existsSync('/dev/full') && 'needs /dev/full' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-log-'));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'logs'));
    symlinkSync('/dev/full', join(folder, 'logs', 'serve.1.log'));
    const echoed: string[] = [];
    const refused = Promise.withResolvers<undefined>();
    const log = await openDaemonLog(folder, (_, event) => {
      echoed.push(event);
      if (event === 'log.unavailable') refused.resolve(undefined);
    });
    log.info('run.began', {});
    await refused.promise;
    log.info('run.ended', {});
    await log[Symbol.asyncDispose]();
    assert.deepEqual(echoed, ['run.began', 'log.unavailable', 'run.ended']);
  },
);

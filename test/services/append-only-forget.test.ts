/** `coffre forget` where a server takes files in and removes none: nothing is claimed, and the hint is the server's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';
import { quicken } from '../quick-key.ts';
import { launcher } from '../program.ts';

type Run = { readonly code: number; readonly stdout: string; readonly stderr: string };

test(
  'forget on an append-only server says that nothing was removed, and where it could be',
  {
    skip: skipWithoutService('rest-server'),
  },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-append-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'letter'), 'dear reader');
    await using server = await startRestServer({ flags: ['--append-only'] });
    const env = {
      ...process.env,
      RESTIC_REPOSITORY: `rest:${server.origin}/repo`,
      RESTIC_PASSWORD: 'x',
      RESTIC_CACHE_DIR: join(folder, 'cache'),
    };
    const coffre = (...argv: string[]): Promise<Run> =>
      new Promise((resolve) => {
        const child = execFile(launcher, argv, { env }, (_, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, stdout, stderr }),
        );
      });
    await coffre('init');
    await quicken(join(server.folder, 'repositories', 'repo'), 'x');
    for (const tag of ['old', 'new']) await coffre('backup', '--tag', tag, join(folder, 'letter'));

    const forgotten = await coffre('forget', '--group-by', '', '--keep-last', '1');
    assert.equal(forgotten.code, 3, forgotten.stderr);
    assert.match(forgotten.stdout, /0 \/ 1 files deleted/);
    assert.match(forgotten.stderr, /unable to remove snapshot\/\w+ from the repository: .*append-only/);
    assert.match(
      forgotten.stderr,
      /SNAPSHOT_NOT_REMOVED: Still there: [0-9a-f]{8}\. Remove snapshots on the server, or with an address/,
    );
    assert.equal((await coffre('snapshots', '--json')).stdout.match(/"short_id"/g)?.length, 2);
  },
);

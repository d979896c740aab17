/** What a user who is not root gets, and that nothing is left open. Runs in a process of its own, which gives up root. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

function runScript(body: string, target: string): unknown {
  const yard = new URL('../testing/restore-yard.ts', import.meta.url).href;
  const report = new URL('./report.ts', import.meta.url).href;
  const script = `
    import { chmodSync, readdirSync, rmSync } from 'node:fs';
    import { zeroRestoreCounters } from ${JSON.stringify(report)};
    import { attemptRestore, saveTree } from ${JSON.stringify(yard)};
    const target = ${JSON.stringify(target)};
    const openFiles = () => readdirSync('/proc/self/fd').length;
    ${body}`;
  const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
  const run = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as unknown;
}

test(
  'without root, owners and devices are left out and counted, and no setuid program becomes ours',
  { skip: !isRoot && 'starts as root' },
  () => {
    const target = mkdtempSync(join(tmpdir(), 'coffre-nobody-'));
    try {
      chownSync(target, nobody, nobody);
      chmodSync(target, 0o755);
      const answer = runScript(
        `const mine = { uid: ${nobody}, gid: ${nobody} };
       const foreign = { uid: 12, gid: 34 };
       const setuid = 2 ** 23 + 2 ** 22 + 0o755;
       const trusted = [{ name: 'trusted.secret', value: Buffer.from('x') }];
       const saved = await saveTree({
         foreign: { type: 'file', chunks: ['x'], ...foreign },
         program: { type: 'file', chunks: ['x'], mode: setuid, ...foreign },
         own: { type: 'file', chunks: ['x'], mode: setuid, ...mine },
         labelled: { type: 'file', chunks: ['x'], extendedAttributes: trusted, ...mine },
         folder: { type: 'dir', mode: 2 ** 31 + 0o500, entries: { inner: { type: 'file', chunks: ['x'], ...mine } }, ...mine },
         device: { type: 'chardev', device: 259, ...mine },
       });
       process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});
       const counters = zeroRestoreCounters();
       const { error, failed } = await attemptRestore(saved, target, { counters });
       chmodSync(target + '/folder', 0o700);
       rmSync(target + '/folder/inner');
       chmodSync(target + '/folder', 0o500);
       const second = await attemptRestore(saved, target);
       console.log(JSON.stringify({ code: error?.code, failed, dropped: counters.dropped, second: second.failed }));`,
        target,
      );
      assert.deepEqual(answer, {
        code: 'RESTORE_INCOMPLETE',
        failed: ['/device'],
        dropped: { owners: 2, xattrs: 1, privileges: 1, devices: 0 },
        second: ['/device'],
      });
      const modeOf = (name: string): number => statSync(join(target, name)).mode & 0o7777;
      assert.equal(modeOf('program'), 0o755);
      assert.equal(modeOf('own'), 0o6755);
      assert.equal(modeOf('folder'), 0o500);
      assert.equal(statSync(join(target, 'folder/inner')).size, 1);
      assert.equal(statSync(join(target, 'foreign')).uid, nobody);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  },
);

test('a restore leaves no file open, whether it ends well or not', () => {
  const target = mkdtempSync(join(tmpdir(), 'coffre-open-'));
  try {
    const answer = runScript(
      `const tree = {};
       for (let i = 0; i < 400; i++) tree['folder' + i] = { file: 'content ' + i, big: { type: 'file', chunks: [Buffer.alloc(30000, 'c' + i)] } };
       const saved = await saveTree(tree);
       await attemptRestore(saved, target, { threads: 2, verify: true });
       const before = openFiles();
       for (const options of [{ threads: 2 }, { threads: 0 }, { threads: 2, overwrite: 'if-changed' }, { dryRun: true }]) {
         await attemptRestore(saved, target, options);
       }
       await attemptRestore(saved, target, { signal: AbortSignal.abort() });
       await attemptRestore(saved, target, { budget: { entriesMax: 100 } });
       console.log(JSON.stringify(openFiles() - before));`,
      target,
    );
    assert.ok((answer as number) <= 0, `${String(answer)} more files are open than before`);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
});

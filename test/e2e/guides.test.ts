/** docs/guides/own-data.md, typed as it is written there: every command runs, and prints what the page shows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(project, 'docs/guides/own-data.md'), 'utf8');

type Step = { readonly command: string; readonly shown: string };

function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/```\n(\$ coffre [\s\S]*?)```/g)].map((match) => match[1] ?? '');
  return blocks.map((block) => {
    const [first = '', ...shown] = block.split('\n');
    return { command: first.slice('$ coffre '.length), shown: shown.join('\n') };
  });
}

/** What differs from run to run: ids, figures, times, the width of tables, this machine's names. */
function masked(text: string): string {
  return text
    .replaceAll(`${userInfo().username}@${hostname()}`, 'root@vm')
    .replaceAll(new RegExp(`(?<= )${hostname().replaceAll('.', '\\.')}(?= )`, 'g'), 'vm')
    .replaceAll(/\b[0-9a-f]{8,10}\b/g, 'ID')
    .replaceAll(/ at \S+ \S+ \S+ \S+ by/g, ' at TIME by')
    .replaceAll(/took [^)]+/g, 'took TIME')
    .replaceAll(/\d+(?:\.\d+)?/g, 'N')
    .replaceAll(/-{2,}/g, '--')
    .replaceAll(/ +/g, ' ')
    .trimEnd();
}

test('every command of the guide for own data runs and prints what the guide shows', (t) => {
  const scene = mkdtempSync(join(tmpdir(), 'coffre-guide-'));
  t.after(() => rmSync(scene, { recursive: true, force: true }));
  const documents = join(scene, 'Documents');
  for (const folder of ['letters', 'node_modules', 'thumbnails'])
    mkdirSync(join(documents, folder), { recursive: true });
  writeFileSync(join(documents, 'letters/2026.txt'), 'dear reader\n');
  writeFileSync(join(documents, 'accounts.csv'), Array.from({ length: 20_000 }, (_, row) => row + 1).join('\n'));
  writeFileSync(join(documents, 'scan.pdf'), Buffer.alloc(200_000, 'scan'));
  writeFileSync(join(documents, 'thumbnails/CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n');

  const places = [
    ['/home/ada/Documents', documents],
    ['/srv/backup', join(scene, 'backup')],
    ['/tmp/restored', join(scene, 'restored')],
    ['/tmp/letters', join(scene, 'letters')],
  ] as const;
  const moved = (text: string): string => places.reduce((all, [from, to]) => all.replaceAll(from, to), text);
  const movedBack = (text: string): string => places.reduce((all, [to, from]) => all.replaceAll(from, to), text);
  const env = {
    ...process.env,
    ...compiled,
    RESTIC_REPOSITORY: join(scene, 'backup'),
    RESTIC_PASSWORD: 'guide',
    XDG_CACHE_HOME: join(scene, 'cache'),
  };

  const steps = stepsOf(page);
  assert.ok(steps.length >= 9);
  for (const { command, shown } of steps) {
    const run = spawnSync(launcher, moved(command).split(' '), { cwd: scene, env, encoding: 'utf8' });
    assert.equal(run.status, 0, `${command}\n${run.stderr}`);
    assert.equal(masked(movedBack(run.stdout)), masked(shown), command);
    if (command.startsWith('backup')) appendFileSync(join(documents, 'letters/2026.txt'), 'one more line\n');
  }
});

/** Data folders of servers as their first start finds them: made once for all files of a test run, and copied. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Goes with the run; a file that is tested alone has none, and other systems copy in other words. */
const run = process.platform === 'linux' ? process.env['COFFRE_TEST_PROGRAM'] : undefined;

/**
 * Fills `data`, which is there and empty.
 *
 * @param key what decides how it comes out: the program with its version's place, and every word
 * @param unique files that no two servers may share; the server makes them anew
 */
export function fillFromTemplate(
  data: string,
  key: readonly string[],
  make: () => void,
  unique: readonly string[] = [],
): void {
  if (run === undefined) return make();
  const templates = join(run, 'servers');
  const template = join(templates, createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16));
  if (existsSync(template)) return copy(template, data);
  make();
  mkdirSync(templates, { recursive: true });
  const place = mkdtempSync(join(templates, 'new-'));
  copy(data, join(place, 'data'));
  for (const name of unique) rmSync(join(place, 'data', name), { force: true });
  try {
    renameSync(join(place, 'data'), template);
  } catch (error) {
    // Somebody was quicker.
    if (!existsSync(template)) throw error;
  }
  rmSync(place, { recursive: true });
}

/** With owners and modes: servers look at them. */
function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', '--reflink=auto', '-T', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${from} could not be copied: ${stderr}`);
}

/** The sentences of a trial. */
import { relative } from 'node:path';
import { toText, type ByteString } from '@coffre/repository';
import { quoteName } from '../cli/output/display.ts';
import { formatBytes } from '../cli/output/format.ts';
import type { FolderComparison } from './compare-folders.ts';
import type { Narration } from './narration.ts';
import type { TrialOutcome } from './start.ts';
import type { TrialFolder } from './trial-folder.ts';
import type { SourceSize } from './trial-sources.ts';

export type Setting =
  | { readonly kind: 'application'; readonly made: boolean }
  | { readonly kind: 'own'; readonly paths: readonly ByteString[] };

export function sayOpening(narration: Narration, folder: TrialFolder, setting: Setting, size: SourceSize): void {
  narration.title(
    setting.kind === 'application'
      ? 'coffre start: a trial of the whole way, on a small application made for it'
      : 'coffre start: a trial of the whole way, on your own folders (they are only read)',
  );
  narration.say('');
  if (setting.kind === 'application') {
    const origin = setting.made ? 'made just now' : 'from an earlier trial, with one more photo today';
    narration.fact('Application', `${folder.application} (${origin})`);
    narration.fact('', `uploads, a .env, state files in TOML, and a SQLite database that is being written all the while`);
  } else {
    narration.fact('Folders', setting.paths.map((path) => quoteName(toText(path))).join(' '));
    narration.fact('', `${counted(size.entries, 'entry', 'entries')}, ${formatBytes(size.sizeBytes)}`);
  }
  narration.fact('Repository', `${folder.repository} (restic's format, encrypted)`);
  narration.fact('Password', `in ${folder.passwordFile}, readable by you only: without it nobody reads the backup`);
  narration.say('');
}

export function sayComparison(
  result: FolderComparison,
  owners: boolean,
): { lines: string[]; figures: Record<string, unknown> } {
  const what = owners ? 'bytes, modes, owners, times, links and attributes' : 'bytes, modes, times, links and attributes';
  const verdict = result.differenceCount === 0 ? `the same ${what}` : counted(result.differenceCount, 'difference');
  const lines = [
    `${counted(result.files, 'file')}, ${counted(result.folders, 'folder')}, ${counted(result.others, 'link or device', 'links and devices')}: ${verdict}`,
  ];
  if (result.changedSince > 0) lines.push(`${counted(result.changedSince, 'entry', 'entries')} changed since the backup began: in the next one`);
  if (result.unreadable > 0) lines.push(`${counted(result.unreadable, 'entry', 'entries')} could not be read by this user`);
  const { differences: _kept, ...figures } = result;
  return { lines, figures };
}

export function sayOutcome(narration: Narration, outcome: TrialOutcome, extra: { ordersMeanwhile?: number }): void {
  const { sizeBytes, durationMs } = outcome.restored;
  narration.say('');
  narration.title(`Everything came back. Restore time, measured: ${(durationMs / 1000).toFixed(2)} s for ${formatBytes(sizeBytes)}.`);
  if (extra.ordersMeanwhile !== undefined) {
    narration.say(`Meanwhile the shop took ${counted(extra.ordersMeanwhile, 'order')}; those after the copy are in the next backup.`);
  }
}

export function sayNextCommands(narration: Narration, folder: TrialFolder, workingFolder: string): void {
  const near = (path: string): string => quotedForShell(relative(workingFolder, path) || '.');
  narration.say('');
  narration.say('Any restic reads this repository:');
  narration.say(`  restic -r ${near(folder.repository)} --password-file ${near(folder.passwordFile)} snapshots`);
  narration.say('');
  narration.say('Next, with your own data (choose the password well and keep it elsewhere too):');
  narration.say('  npx coffre -r /srv/backup init');
  narration.say('  npx coffre -r /srv/backup backup ~/Documents');
  narration.say('  npx coffre -r /srv/backup restore latest --target /tmp/restored');
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function quotedForShell(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

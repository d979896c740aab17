/** The sentences of a trial. */
import {
  shortId,
  toText,
  type BackupResult,
  type ByteString,
  type CheckResult,
  type RestoreCounters,
} from '@coffre/repository';
import { quoteName } from '../cli/output/display.ts';
import { counted, sizeText } from './size-text.ts';
import type { FolderComparison } from './compare-folders.ts';
import type { Narration } from './narration.ts';
import type { TrialOutcome } from './trial-outcome.ts';
import type { TrialFolder } from './trial-folder.ts';
import type { SourceSize } from './trial-sources.ts';

/** A step in words and in figures. */
export type Told = { readonly lines: readonly string[]; readonly figures: Readonly<Record<string, unknown>> };

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
    narration.fact('Application', `${folder.near(folder.application)} (${origin})`);
    narration.fact(
      '',
      `uploads, a .env, state files in TOML, and a SQLite database that is being written all the while`,
    );
  } else {
    narration.fact('Folders', setting.paths.map((path) => quoteName(toText(path))).join(' '));
    narration.fact('', `${counted(size.entries, 'entry', 'entries')}, ${sizeText(size.sizeBytes)}`);
  }
  narration.fact('Repository', `${folder.near(folder.repository)} (restic's format, encrypted)`);
  narration.fact(
    'Password',
    `in ${folder.near(folder.passwordFile)}, readable by you only: without it nobody reads the backup`,
  );
  narration.say('');
}

export function sayBackup(result: BackupResult, unreadable: ReadonlySet<ByteString>): Told {
  const { summary, counters, snapshotId } = result;
  const files = counted(summary.total_files_processed, 'file');
  const stored = sizeText(summary.data_added_packed);
  const isFirst = result.parent === undefined;
  const change = isFirst ? '' : `, ${summary.files_new} new, ${summary.files_changed} changed`;
  const lines = [
    `${files}${change}, ${sizeText(summary.total_bytes_processed)}: ${stored} stored as snapshot ${snapshotId === undefined ? '' : shortId(snapshotId)}`,
  ];
  if (!isFirst) lines.push('everything else was in the repository already');
  if (counters.changedWhileRead > 0)
    lines.push(`${counted(counters.changedWhileRead, 'file')} changed while being read`);
  if (counters.errors > 0)
    lines.push(`${counted(counters.errors, 'entry', 'entries')} could not be read: ${someOf([...unreadable])}`);
  return { lines, figures: { snapshot_id: snapshotId, ...summary, errors: counters.errors } };
}

export function sayCheck({ packsRead, bytesRead }: CheckResult): Told {
  return {
    lines: [
      `${counted(packsRead, 'pack')}, ${sizeText(bytesRead)}: all read back, every blob decrypted and hashed, no damage`,
    ],
    figures: { packs: packsRead, bytes: bytesRead },
  };
}

export function sayRestore(counters: RestoreCounters, target: string): Told {
  const { filesRestored, bytesRestored } = counters;
  const lines = [`${counted(filesRestored, 'entry', 'entries')}, ${sizeText(bytesRestored)}, into ${target}`];
  return { lines, figures: { entries: filesRestored, bytes: bytesRestored, target } };
}

/** The first three, and how many more. */
function someOf(paths: readonly ByteString[]): string {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : '';
  const first = paths.slice(0, 3).map((path) => quoteName(toText(path)));
  return first.join(', ') + more;
}

export function sayComparison(result: FolderComparison, owners: boolean): Told {
  const what = owners
    ? 'bytes, modes, owners, times, links and attributes'
    : 'bytes, modes, times, links and attributes';
  const verdict = result.differenceCount === 0 ? `the same ${what}` : counted(result.differenceCount, 'difference');
  const lines = [
    `${counted(result.files, 'file')}, ${counted(result.folders, 'folder')}, ${counted(result.others, 'link or device', 'links and devices')}: ${verdict}`,
  ];
  if (result.changedSince > 0)
    lines.push(`${counted(result.changedSince, 'entry', 'entries')} changed since the backup began: in the next one`);
  if (result.unreadable > 0)
    lines.push(`${counted(result.unreadable, 'entry', 'entries')} could not be read, and so not compared`);
  const { differences: _kept, ...figures } = result;
  return { lines, figures };
}

export function sayOutcome(narration: Narration, outcome: TrialOutcome, extra: { ordersMeanwhile?: number }): void {
  const { sizeBytes, durationMs } = outcome.restored;
  const came = outcome.comparison.unreadable === 0 ? 'Everything' : 'Everything that could be read';
  narration.say('');
  narration.title(
    `${came} came back. Restore time, measured: ${(durationMs / 1000).toFixed(2)} s for ${sizeText(sizeBytes)}.`,
  );
  if (extra.ordersMeanwhile !== undefined) {
    narration.say(
      `Meanwhile the shop took ${counted(extra.ordersMeanwhile, 'order')}; those after the copy are in the next backup.`,
    );
  }
}

export function sayNextCommands(narration: Narration, folder: TrialFolder): void {
  const near = (path: string): string => quotedForShell(folder.near(path));
  narration.say('');
  narration.say('Any restic reads this repository:');
  narration.say(`  restic -r ${near(folder.repository)} --password-file ${near(folder.passwordFile)} snapshots`);
  narration.say('');
  narration.say('Next, with your own data (choose the password well and keep it elsewhere too):');
  narration.say('  npx coffre -r /srv/backup init');
  narration.say('  npx coffre -r /srv/backup backup ~/Documents');
  narration.say('  npx coffre -r /srv/backup restore latest --target /tmp/restored');
}

function quotedForShell(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

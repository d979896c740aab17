/** `stats --mode debug`: how many files and blobs of which size the repository holds. All on stderr, as restic has it. */
import { measureBlobs, measureFiles } from '@coffre/repository';
import type { FileKind, SizeClasses } from '@coffre/repository';
import type { Cli } from './cli.ts';
import { formatBytes } from './output/format.ts';
import { tableLines } from './output/table.ts';
import { openSession } from './session.ts';

const kinds: readonly (readonly [name: string, kind: FileKind])[] = [
  ['key', 'keys'],
  ['lock', 'locks'],
  ['index', 'index'],
  ['snapshot', 'snapshots'],
  ['data', 'data'],
];

export async function sayStoredSizes(cli: Cli): Promise<void> {
  // The lock is counted too, so it is there first.
  await using session = await openSession(cli, 'read');
  const { repository, printer, signal } = session;
  const indexed = await repository.loadIndex();
  const say = (lines: readonly string[]): void => lines.forEach((line) => printer.error(line));
  say(['Collecting size statistics', '']);
  for (const [name, kind] of kinds) {
    signal.throwIfAborted();
    say([`File Type: ${name}`, ...sizeLines(await measureFiles(indexed, kind))]);
  }
  const blobs = measureBlobs(indexed);
  for (const type of ['data', 'tree'] as const) say([`Blob Type: ${type}`, ...sizeLines(blobs[type]), '', '']);
}

function sizeLines(sizes: SizeClasses): string[] {
  const used = sizes.used().map(({ lower, upper, count }) => ({ text: `${lower} - ${upper} Byte`, count }));
  const width = Math.max(0, ...used.map(({ text }) => text.length));
  const rows = used.map(({ text, count }) => [text.padStart(width), `${count}`]);
  const { oversized } = sizes;
  return [
    `Count: ${sizes.count}`,
    `Total Size: ${formatBytes(sizes.totalBytes)}`,
    ...tableLines({ columns: ['Size', 'Count'], rows }),
    ...(oversized.length === 0 ? [] : [`Oversized: [${oversized.join(' ')}]`]),
  ];
}

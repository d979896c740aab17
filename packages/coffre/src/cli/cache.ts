import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { cacheBase, cacheFolders, dayMs, removeFolders, unusedFolders } from '../access/cache-folder.ts';
import type { CacheFolder } from '../access/cache-folder.ts';
import type { Cli } from './cli.ts';
import { formatBytes } from './output/format.ts';
import { tableLines } from './output/table.ts';
import { parseWholeNumber, usage } from './values.ts';

export function defineCache(command: Command, cli: Cli): void {
  command
    .option('--cleanup', 'remove folders that were not used for long')
    .option('--max-age <days>', 'how long that is', '30')
    // The default is said, because commander looks for it before the verb has its options.
    .option('--no-size', 'do not measure the folders', true)
    .action((options) => {
      const globals = cli.globals();
      if (globals.noCache) throw usage('Refusing to do anything, the cache is disabled');
      const maxAgeMs = parseWholeNumber(options.maxAge, '--max-age') * dayMs;
      const base = cacheBase(globals, cli.environment);
      const folders = cacheFolders(base);
      if (options.cleanup === true || globals.cleanupCache) cleanUp(cli, folders, maxAgeMs);
      else list(cli, base, folders, { maxAgeMs, withSize: options.size });
    });
}

function cleanUp(cli: Cli, folders: readonly CacheFolder[], maxAgeMs: number): void {
  const printer = cli.printer().plain();
  const old = unusedFolders(folders, maxAgeMs);
  if (old.length === 0) return printer.normal('no old cache dirs found');
  printer.normal(`remove ${old.length} old cache directories`);
  removeFolders(old, (line) => printer.error(line));
}

function list(
  cli: Cli,
  base: string,
  folders: readonly CacheFolder[],
  options: { maxAgeMs: number; withSize: boolean },
): void {
  const printer = cli.printer().plain();
  if (folders.length === 0) return printer.always(`no cache dirs found, basedir is ${base}`);
  const lines = tableLines({
    columns: ['Repo ID', 'Last Used', 'Old', ...(options.withSize ? ['Size'] : [])],
    rows: folders.map(({ name, path, usedMs }) => {
      const ageMs = Date.now() - usedMs;
      const size = options.withSize ? [formatBytes(sizeBytesOf(path)).padStart(11)] : [];
      return [
        name.slice(0, 10),
        `${Math.floor(ageMs / dayMs)} days ago`,
        ageMs > options.maxAgeMs ? 'yes' : '',
        ...size,
      ];
    }),
  });
  for (const line of lines) printer.always(line);
  printer.always(`${folders.length} cache dirs in ${base}`);
}

function sizeBytesOf(folder: string): number {
  let total = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    // Another program may have cleaned it away since it was listed.
    if (entry.isFile()) total += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}

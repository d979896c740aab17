/** Which test belongs to which tier, by its place: see CONTRIBUTING.md "Tests". */
import { globSync } from 'node:fs';
import { join } from 'node:path';

export type Tier = 'fast' | 'interop' | 'campaign';

/** In the order they run: the cheapest answer first. */
export const tiers: readonly Tier[] = ['fast', 'interop', 'campaign'];

/** `path` is relative to the project's folder, with `/`. */
export function tierOf(path: string): Tier {
  if (path.startsWith('test/campaign/') || path.endsWith('.campaign.test.ts')) return 'campaign';
  if (/^test\/(interop|e2e|services)\//.test(path) || path.endsWith('.interop.test.ts')) return 'interop';
  return 'fast';
}

export function findTestFiles(projectFolder: string): string[] {
  return globSync('{packages,scripts,test,bench}/**/*.test.ts', {
    cwd: projectFolder,
    exclude: (name) => name.endsWith('node_modules') || name.endsWith('dist'),
  }).sort();
}

/** Files of one tier whose path contains one of the filters; all of them when there is no filter. */
export function selectFiles(files: readonly string[], tier: Tier, filters: readonly string[]): string[] {
  return files.filter(
    (file) => tierOf(file) === tier && (filters.length === 0 || filters.some((filter) => file.includes(filter))),
  );
}

export function absoluteIn(projectFolder: string, files: readonly string[]): string[] {
  return files.map((file) => join(projectFolder, file));
}

/** `npm run tidy`: prints each breach of the house rules as file:line, and fails when there is one. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFiles, formatViolation, type SourceFile } from './tidy-rules.ts';

const projectFolder = fileURLToPath(new URL('..', import.meta.url));

export function readSources(): SourceFile[] {
  const paths = globSync('{packages,scripts,bench,test}/**/*.ts', {
    cwd: projectFolder,
    // The rules' own test holds broken lines on purpose.
    exclude: (path) => /(^|\/)(node_modules|dist|tidy\.test\.ts)$/.test(path),
  });
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(projectFolder, path), 'utf8') }));
}

if (import.meta.main) {
  const files = readSources();
  const violations = checkFiles(files);
  for (const violation of violations) process.stdout.write(`${formatViolation(violation)}\n`);
  const count = violations.length === 1 ? '1 violation' : `${violations.length} violations`;
  process.stdout.write(`${violations.length === 0 ? 'tidy' : count}: ${files.length} files read\n`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

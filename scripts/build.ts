/** `npm run build`: what is published. The library becomes JavaScript with its types, one file for each source file. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram, layOut } from './build-program.ts';

const projectFolder = fileURLToPath(new URL('..', import.meta.url));
const library = join(projectFolder, 'packages/repository');
const program = join(projectFolder, 'packages/coffre');

buildLibrary();
await buildProgram(join(program, 'dist'));
buildTypes(join(program, 'dist/types'));
const [trial] = process.argv.slice(2);
if (trial !== undefined) {
  rmSync(trial, { recursive: true, force: true });
  layOut(trial);
  cpSync(join(program, 'dist'), join(trial, 'dist'), { recursive: true });
}

function buildLibrary(): void {
  const dist = join(library, 'dist');
  rmSync(dist, { recursive: true, force: true });
  compile(join(library, 'tsconfig.build.json'), dist);
}

function compile(config: string, outFolder: string): void {
  const compiler = join(projectFolder, 'node_modules/typescript/bin/tsc');
  const options = ['-p', config, '--outDir', outFolder];
  const { status } = spawnSync(process.execPath, [compiler, ...options], { stdio: 'inherit', cwd: projectFolder });
  if (status !== 0) process.exitCode = 1;
}

/** Of the program's door, and of the files that its types come from; nobody needs those of the commands. */
function buildTypes(folder: string): void {
  compile(join(program, 'tsconfig.types.json'), folder);
  const wanted = new Set<string>();
  const pending = ['coffre.d.ts'];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (wanted.has(path)) continue;
    wanted.add(path);
    const text = readFileSync(join(folder, path), 'utf8');
    for (const [, named = ''] of text.matchAll(/(?:from |import\()['"](\.[^'"]*)\.ts['"]/g)) {
      pending.push(`${join(dirname(path), named)}.d.ts`);
    }
  }
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = relative(folder, join(entry.parentPath, entry.name));
    if (entry.isFile() && !wanted.has(path)) rmSync(join(folder, path));
  }
}

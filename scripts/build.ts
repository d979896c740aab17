/**
 * `npm run build`: what is published. The library becomes JavaScript with its types, one file for each source file; the
 * program becomes few files, because a start loads them all: `coffre version` takes half the processor time it takes from
 * the sources.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const projectFolder = fileURLToPath(new URL('..', import.meta.url));
const library = join(projectFolder, 'packages/repository');
const program = join(projectFolder, 'packages/coffre');

/** Installed beside the program, and loaded when they are used. */
const installedPackages =
  /^(@aws-sdk\/|@smithy\/|ssh2|prom-client|bcryptjs|qrcode-generator|pg$|mysql2|mongodb|bson|pino$|csv-stringify|pdfkit)/;

/**
 * Few files: what every start needs, and the library. Verbs and the clients of network storages bring much along and stay
 * apart.
 */
const parts = [
  // Not the entries themselves: a verb would wait for the part that waits for the verb.
  {
    name: 'start',
    tags: ['$initial' as const],
    test: /(repository\/src|coffre\/src\/(cli|platform))\/(?!workers\/worker|.*-worker)|node_modules\/(commander|@commander-js)\//,
  },
  { name: 'repository', test: /repository\/src\/(?!backend\/(s3|sftp|rest|rclone)\/|testing\/)/ },
  // For who opens the state: not beside what others share with it.
  { name: 'kysely', test: /node_modules\/kysely\// },
  { name: 'output', test: /coffre\/src\/cli\/output\// },
];

buildLibrary();
await buildProgram(join(program, 'dist'));
buildTypes(join(program, 'dist/types'));
const [trial] = process.argv.slice(2);
if (trial !== undefined) layOut(trial);

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

async function buildProgram(dist: string): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const bundle = await rolldown({
    input: {
      main: join(program, 'src/main.ts'),
      // What `import { Coffre } from 'coffre'` gets.
      coffre: join(program, 'src/coffre.ts'),
      // Started by their names beside the file that starts them.
      worker: join(library, 'src/workers/worker.ts'),
      'shop-writer': join(program, 'src/demo/shop-writer.ts'),
      'sqlite-worker': join(program, 'src/source/sqlite/sqlite-worker.ts'),
      'extension-worker': join(program, 'src/extension/extension-worker.ts'),
    },
    platform: 'node',
    external: (id) => id.startsWith('node:') || installedPackages.test(id),
    resolve: { conditionNames: ['@coffre/source', 'node', 'import', 'default'] },
  });
  await bundle.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: { groups: parts },
    // Names stay: they are what a stack trace in a bug report tells.
    minify: { compress: false, mangle: false },
  });
  await bundle.close();
}

/** The program as an installation has it, without its sources: for the benchmark and for trying a release. */
function layOut(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(program, part), join(folder, part), { recursive: true });
  chmodSync(join(folder, 'bin/coffre'), 0o755);
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'));
}

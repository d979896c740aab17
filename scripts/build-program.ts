/** The program as few files, because a start loads them all: `coffre version` takes half the processor time it takes from the sources. */
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const projectFolder = fileURLToPath(new URL('..', import.meta.url));
const library = join(projectFolder, 'packages/repository');
const programFolder = join(projectFolder, 'packages/coffre');

/** Installed beside the program, and loaded when they are used. */
const installedPackages =
  /^(@aws-sdk\/|@smithy\/|ssh2|prom-client|bcryptjs|qrcode-generator|pg$|pg-boss$|mysql2|mongodb|bson|pino$|csv-stringify|pdfkit)/;

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

const reading = {
  platform: 'node' as const,
  // Loaded late where it can be, and early where somebody needs it: nothing is lost.
  checks: { ineffectiveDynamicImport: false },
  external: (id: string) => id.startsWith('node:') || installedPackages.test(id),
  resolve: { conditionNames: ['@coffre/source', 'node', 'import', 'default'] },
};

const writing = {
  format: 'esm' as const,
  entryFileNames: '[name].js',
  // Names stay: they are what a stack trace in a bug report tells.
  minify: { compress: false, mangle: false },
};

export async function buildProgram(dist: string): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const program = await rolldown({
    ...reading,
    input: {
      main: join(programFolder, 'src/main.ts'),
      // What `import { Coffre } from 'coffre'` gets.
      coffre: join(programFolder, 'src/coffre.ts'),
      // Started by their names beside the file that starts them.
      'shop-writer': join(programFolder, 'src/demo/shop-writer.ts'),
      'sqlite-worker': join(programFolder, 'src/source/sqlite/sqlite-worker.ts'),
      'extension-worker': join(programFolder, 'src/extension/extension-worker.ts'),
    },
  });
  await program.write({
    ...writing,
    dir: dist,
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: { groups: parts },
  });
  await program.close();
  // Apart from the program, whose parts hold much that a thread would load and never use.
  const worker = await rolldown({ ...reading, input: { worker: join(library, 'src/workers/worker.ts') } });
  await worker.write({ ...writing, dir: dist, chunkFileNames: 'worker-[name]-[hash].js' });
  await worker.close();
}

/** The program as an installation has it, without its sources: for the benchmark, for tests, for trying a release. */
export function layOut(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const part of ['bin', 'package.json'])
    cpSync(join(programFolder, part), join(folder, part), { recursive: true });
  chmodSync(join(folder, 'bin/coffre'), 0o755);
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'));
}

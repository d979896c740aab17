/** `npm run bench`: Coffre beside every backup program that is here, on the same data. See `options.ts` for the flags. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeIndexFixture } from './data/index-fixture.ts';
import type { DataSet } from './data/data-set.ts';
import { growthTree, makeDataSet } from './data/sets.ts';
import { describeMachine } from './machine.ts';
import { parseOptions, usage, type BenchOptions, type RowName } from './options.ts';
import { failures, formatRows, plainTable, type Row } from './report.ts';
import { recordRun } from './results.ts';
import { makeTemplate, runDataSet, runGrowth, runIndex, runOpening, runServer, type Surroundings } from './rows.ts';
import { startServer } from './servers.ts';
import { findCoffre, findPeers } from './tools/find.ts';

const resultsFile = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const growthCounts = [10_000, 50_000, 200_000];
const indexCounts = [1_000_000, 5_000_000];

const say = (line: string): void => void process.stderr.write(`${line}\n`);

try {
  await main(process.argv.slice(2));
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  const options = parseOptions(argv);
  const startedAt = new Date();
  const dataFolder = options.dataFolder ?? join(tmpdir(), 'coffre-bench');
  const workFolder = join(
    options.workFolder ?? (existsSync('/dev/shm') ? '/dev/shm' : dataFolder),
    `coffre-bench-${process.pid}`,
  );
  mkdirSync(dataFolder, { recursive: true });
  const tools = [findCoffre(options.coffre, join(dataFolder, 'cache-home')), ...findPeers(options.peers)];
  const versions = tools.map(({ name, version }) => `${name} ${version}`);
  say(`${describeMachine()}\n${versions.join(', ')}`);
  const titles: string[] = [];
  try {
    const template = await makeTemplate(tools, join(workFolder, 'template'));
    const around: Surroundings = { tools, pairs: options.pairs, workFolder, template, say };
    const rows = await runAll(options, dataFolder, around, titles);
    const lines = formatRows(rows, 'coffre');
    process.stdout.write(`${[plainTable(lines), ...failures(rows)].join('\n')}\n`);
    if (!options.record) return;
    recordRun(
      resultsFile,
      {
        startedAt,
        commandLine: ['npm run bench --', ...argv].join(' '),
        machine: describeMachine(),
        versions,
        dataSets: titles,
        places: `sources in ${dataFolder}, repositories and restored files in ${options.workFolder ?? '/dev/shm'}`,
        note: options.note,
        failures: failures(rows),
      },
      lines,
    );
    say(`added to ${resultsFile}`);
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

async function runAll(
  options: BenchOptions,
  dataFolder: string,
  around: Surroundings,
  titles: string[],
): Promise<Row[]> {
  const rows: Row[] = [];
  const begin = (set: DataSet): DataSet => {
    titles.push(`${set.name}: ${set.title}`);
    say(`${set.name}: ${set.title}`);
    return set;
  };
  const apart = new Set<RowName>(['growth', 'index', 'sftp', 's3']);
  const sets = options.rows.some((row) => !apart.has(row)) ? options.sets : [];
  const makeSet = (name: (typeof sets)[number]): DataSet => makeDataSet(name, dataFolder, options.scale);
  const tiny = growthTree(dataFolder, 100);
  rows.push(...(await runOpening(tiny, around)));
  for (const name of sets) {
    say(`preparing ${name}`);
    rows.push(...(await runDataSet(begin(makeSet(name)), options.rows, around)));
  }
  for (const kind of ['sftp', 's3'] as const) {
    if (!options.rows.includes(kind)) continue;
    await using server = await startServer(kind);
    for (const name of options.sets) rows.push(...(await runServer(begin(makeSet(name)), server, around)));
  }
  if (options.rows.includes('growth')) {
    say('preparing the growing trees');
    const trees = growthCounts.map((count) => growthTree(dataFolder, Math.round(count * options.scale)));
    rows.push(...(await runGrowth(trees.map(begin), around)));
  }
  if (options.rows.includes('index')) {
    say('preparing the large indexes');
    const fixtures = [];
    for (const count of indexCounts)
      fixtures.push(await makeIndexFixture(dataFolder, Math.round(count * options.scale)));
    titles.push(`index: ${fixtures.map(({ blobs }) => blobs).join(' and ')} blobs, in files of 50,000, packs of 40`);
    rows.push(...(await runIndex(fixtures, around)));
  }
  return rows;
}

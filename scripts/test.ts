/**
 * `npm test`: everything, cheapest first. See CONTRIBUTING.md "Tests".
 *
 *   npm test                      all tiers, campaigns bounded
 *   npm test -- --fast            only the fast tier (also --interop, --campaign; may be combined)
 *   npm test -- --unbounded       campaigns run until stopped or until they find something
 *   npm test -- tree format/      only files whose path contains one of the words
 *   npm test -- --verbose         every test's name, and what tests print
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import { run } from 'node:test';
import { compiled } from '../test/compiled.ts';
import { buildProgram, layOut } from './build-program.ts';
import { addTotals, type Finding, followTests, formatTotals, noTests } from './test-report.ts';
import { absoluteIn, findTestFiles, selectFiles, type Tier, tiers } from './test-tiers.ts';
import { bringServers } from './test-servers.ts';
import { prepareTools } from './test-tools.ts';

const projectFolder = fileURLToPath(new URL('..', import.meta.url));
const strict = process.env['CI'] === 'true';

/** A test that hangs fails here instead of stopping the whole run for ever. */
const timeoutMs: Record<Tier, number> = { fast: 180_000, interop: 600_000, campaign: 900_000 };

/** So many rounds that somebody will stop it first. */
const endless = { COFFRE_KILLS: '100000', COFFRE_FUZZ: '1000000000', COFFRE_CUTS: '1000000' };

const write = (text: string): void => void process.stdout.write(text);
const heading = (text: string): void => write(`\n${styleText('bold', text)}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      fast: { type: 'boolean' },
      interop: { type: 'boolean' },
      campaign: { type: 'boolean' },
      unbounded: { type: 'boolean' },
      verbose: { type: 'boolean', short: 'v' },
    },
  });
  const named = tiers.filter((tier) => values[tier]);
  const chosen = named.length > 0 ? named : tiers;
  const files = findTestFiles(projectFolder);
  const plan = chosen.map((tier) => ({ tier, files: selectFiles(files, tier, positionals) }));
  if (plan.every((step) => step.files.length === 0)) {
    write(`No test file matches ${positionals.join(' ')}.\n`);
    return 1;
  }
  const asksServers = chosen.some((tier) => tier !== 'fast');
  const isWhole = asksServers && positionals.length === 0;
  if (asksServers && !toolsAreReady()) return 1;
  const servers = isWhole ? bringServers(projectFolder, (line) => write(`${line}\n`)) : Promise.resolve([]);

  const program = asksServers ? await programForAll() : undefined;

  let totals = noTests;
  const failures: Finding[] = [];
  const skips: Finding[] = [];
  for (const step of plan) {
    if (step.files.length === 0) continue;
    if (step.tier !== 'fast') for (const line of await servers) write(`${styleText('yellow', '!')} ${line}\n`);
    heading(`${step.tier}: ${step.files.length} ${step.files.length === 1 ? 'file' : 'files'}`);
    const result = await followTests(runTier(step, values.unbounded ?? false, program), {
      folder: projectFolder,
      verbose: values.verbose ?? false,
      write,
    });
    totals = addTotals(totals, result.totals);
    failures.push(...result.failures);
    skips.push(...result.skips);
  }
  sayClosing(skips, failures);
  write(`\n${formatTotals(totals)}\n`);
  return totals.fail + totals.cancelled + failures.length > 0 ? 1 : 0;
}

/** False when a missing tool forbids the run (under CI=true). */
function toolsAreReady(): boolean {
  heading('real programs to test against');
  const findings = prepareTools(projectFolder, (line) => write(`${line}\n`));
  for (const finding of findings) {
    write(`${finding.here ? styleText('green', '✔') : styleText('yellow', '!')} ${finding.name}: ${finding.text}\n`);
  }
  if (findings.every((finding) => finding.here)) return true;
  if (!strict) {
    write('Tests that need what is missing are skipped, and listed at the end.\n');
    return true;
  }
  write(`${styleText('red', '✖')} CI=true: everything must be here, so nothing was run.\n`);
  return false;
}

/** Built once, because tests start it thousands of times, and the sources take twice the processor time to start. */
async function programForAll(): Promise<string> {
  const folder = join(projectFolder, `.cache/program-${process.pid}`);
  sweepPrograms(join(projectFolder, '.cache'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await buildProgram(join(folder, 'dist'));
  layOut(folder);
  return folder;
}

/** What test runs left that were killed. */
function sweepPrograms(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = /^program-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

type Step = { readonly tier: Tier; readonly files: readonly string[] };

function runTier({ tier, files }: Step, unbounded: boolean, program: string | undefined): ReturnType<typeof run> {
  return run({
    files: absoluteIn(projectFolder, files),
    cwd: projectFolder,
    concurrency: filesAtOnce(tier, unbounded),
    execArgv: ['--conditions=@coffre/source', '--disable-warning=ExperimentalWarning'],
    env: {
      ...process.env,
      ...compiled,
      ...(program === undefined ? {} : { COFFRE_TEST_PROGRAM: program }),
      ...(unbounded ? endless : {}),
    },
    ...(unbounded && tier === 'campaign' ? {} : { timeout: timeoutMs[tier] }),
  });
}

/** Tests beside real servers often wait for them; one file more than there are cores works meanwhile. */
function filesAtOnce(tier: Tier, unbounded: boolean): number {
  // Who searches without end wants what is found to be clear: one process, one disk.
  if (tier === 'campaign' && unbounded) return 1;
  const cores = Math.max(2, availableParallelism());
  return tier === 'interop' ? cores + 1 : cores;
}

function sayClosing(skips: readonly Finding[], failures: readonly Finding[]): void {
  if (skips.length > 0) {
    heading('skipped');
    for (const skip of skips) write(`- ${skip.name} (${skip.file}): ${skip.text}\n`);
  }
  if (failures.length > 0) {
    heading('failed (each is explained above, where it happened)');
    for (const failure of failures) write(`${styleText('red', '✖')} ${failure.name} (${failure.file})\n`);
  }
}

/**
 * How long `coffre status` takes with a long history, on SQLite:
 *
 *   node --conditions=@coffre/source bench/status.ts [--runs 1000000] [--plans 1000] [--rounds 7] [--folder /tmp/…]
 *
 * It makes a configuration and a history (each plan saves one source, copies it and keeps to its retention), then times
 * three things: the facts and the verdict in this process, as a daemon asks for them; and the whole command in processes
 * of its own, where starting and reading the configuration count too. Nothing is left behind.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '@coffre/repository';
import { parseConfig, requireConfig } from '../packages/coffre/src/config/parse.ts';
import { readYaml } from '../packages/coffre/src/config/yaml-text.ts';
import { parseZone } from '../packages/coffre/src/schedule/zone.ts';
import { readStatusFacts } from '../packages/coffre/src/status/read-facts.ts';
import { statusOf } from '../packages/coffre/src/status/status.ts';
import { openStore } from '../packages/coffre/src/store/store.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    plans: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '7' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const [runs, plans, rounds] = [values.runs, values.plans, values.rounds].map(Number) as [number, number, number];
const folder = mkdtempSync(join(values.folder, 'coffre-status-'));
const file = join(folder, 'state.db');
const launcher = fileURLToPath(new URL('../packages/coffre/bin/coffre', import.meta.url));
const nowMs = Date.now();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  await (await openStore({ kind: 'sqlite', file }, { clock: systemClock() }))[Symbol.asyncDispose]();
  const madeMs = await timed(makeHistory);
  const size = Math.round(statSync(file).size / 2 ** 20);
  say(`${runs} rows of ${plans} plans, made in ${(madeMs / 1000).toFixed(1)} s, ${size} MiB`);
  const yaml = configuration();
  writeFileSync(join(folder, 'coffre.yaml'), yaml);
  const parsed = parseConfig([readYaml({ file: 'coffre.yaml', text: yaml })], {
    variables: {},
    systemZone: parseZone('UTC'),
  });
  const config = requireConfig(parsed);
  const figures: Record<'open' | 'facts' | 'verdict' | 'all' | 'processor', number[]> = {
    open: [],
    facts: [],
    verdict: [],
    all: [],
    processor: [],
  };
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    let store: Awaited<ReturnType<typeof openStore>> | undefined;
    const openMs = await timed(
      async () => (store = await openStore({ kind: 'sqlite', file }, { clock: systemClock() })),
    );
    const doors = { nowMs, here: 'here', isAlive: () => true, freeSpace: () => Promise.resolve(undefined) };
    let facts: Awaited<ReturnType<typeof readStatusFacts>> | undefined;
    const factsMs = await timed(async () => (facts = await readStatusFacts(config, store, doors)));
    let level = '';
    const verdictMs = await timed(() => void (level = statusOf(facts!).level));
    const spent = process.cpuUsage(before);
    await store?.[Symbol.asyncDispose]();
    if (level !== 'critical') throw new Error(`the history should be critical, and is ${level}`);
    figures.open.push(openMs);
    figures.facts.push(factsMs);
    figures.verdict.push(verdictMs);
    figures.all.push(openMs + factsMs + verdictMs);
    // On a machine that does other work too, this is what the work itself takes.
    figures.processor.push((spent.user + spent.system) / 1000);
  }
  for (const [name, taken] of Object.entries(figures)) say(`${name.padEnd(9)} ${shown(taken)}`);
  const commands: number[] = [];
  for (let round = 0; round < rounds; round += 1) commands.push(await timed(runCommand));
  say(`command   ${shown(commands)}`);
} finally {
  rmSync(folder, { recursive: true });
}

function shown(taken: readonly number[]): string {
  const sorted = taken.toSorted((one, other) => one - other);
  const middle = sorted[Math.floor(sorted.length / 2)]!;
  return `median ${middle.toFixed(1)} ms, ${sorted[0]!.toFixed(1)} to ${sorted.at(-1)!.toFixed(1)}`;
}

async function timed(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function runCommand(): void {
  const env = { ...process.env, COFFRE_STATE_DIR: folder, COFFRE_CONFIG: join(folder, 'coffre.yaml') };
  const run = spawnSync(launcher, ['status', '-q'], { env, encoding: 'utf8' });
  if (run.status !== 22) throw new Error(`coffre status ended with ${run.status}: ${run.stderr}`);
}

function planName(n: number): string {
  return `plan-${String(n).padStart(5, '0')}`;
}

function configuration(): string {
  const numbers = Array.from({ length: plans }, (_, n) => n);
  return [
    'version: 1',
    'timezone: Europe/Paris',
    'secrets: {key: {env: KEY}}',
    'repositories:',
    '  local: {url: /nowhere/backup, password: "${secret:key}", medium: disk, place: lyon}',
    '  offsite: {url: "rest:https://b.example/", password: "${secret:key}", medium: object, place: paris}',
    'sites:',
    '  lyon:',
    '    place: lyon',
    '    sources:',
    ...numbers.map((n) => `      s${n}: {type: files, paths: [/srv/${n}], criticality: high, objectives: {rpo: 2h}}`),
    'plans:',
    ...numbers.map(
      (n) =>
        `  ${planName(n)}: {sources: [lyon/s${n}], to: local, schedule: {cron: "${n % 60} * * * *"}, copy: {offsite: {after: each}}, retention: {local: {daily: 7}}}`,
    ),
    '',
  ].join('\n');
}

/** Hourly, back from now; four rows a run. One run in fifty failed, and of the newest ones too. */
function makeHistory(): void {
  mkdirSync(folder, { recursive: true });
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous=OFF; BEGIN');
  const run = database.prepare(
    `insert into runs (plan, source, repository, parent_id, kind, trigger, slot_at, started_at, ended_at, outcome, figures, snapshots, host, pid, boot_id)
     values (?, ?, ?, ?, ?, 'schedule', ?, ?, ?, ?, '{"filesNew":12,"bytesStored":123456,"bytesTotal":123456789,"stepsPassed":1}', ?, 'alpha', 4711, 'boot')`,
  );
  const slot = database.prepare(
    'insert or ignore into slots (plan, due_at, opened_at, closed_at, outcome) values (?, ?, ?, ?, ?)',
  );
  const snapshot = JSON.stringify(['ab'.repeat(32)]);
  const hours = Math.ceil(runs / plans / 4);
  for (let hour = hours; hour > 0; hour -= 1) {
    for (let n = 0; n < plans; n += 1) {
      const startMs = nowMs - hour * 3_600_000 + (n % 60) * 60_000 - 3_600_000;
      const outcome = (n + hour) % 50 === 7 ? 'failed' : 'success';
      const endMs = startMs + 60_000 + ((n * 7919 + hour) % 90_000);
      const [plan, source] = [planName(n), `lyon/s${n}`];
      const { lastInsertRowid } = run.run(plan, null, null, null, 'backup', startMs, startMs, endMs, outcome, '[]');
      run.run(plan, source, 'local', lastInsertRowid, 'source', null, startMs, endMs, outcome, snapshot);
      run.run(plan, source, 'offsite', lastInsertRowid, 'copy', null, endMs, endMs + 1000, outcome, snapshot);
      run.run(plan, null, 'local', lastInsertRowid, 'retention', null, endMs, endMs + 500, 'success', '[]');
      slot.run(plan, startMs, startMs, endMs, outcome);
    }
  }
  database.exec('COMMIT; PRAGMA synchronous=FULL');
  database.close();
}

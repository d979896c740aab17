/**
 * How long `status` asks a long history, on SQLite:
 *
 *   node --conditions=@coffre/source bench/state.ts [--runs 1000000] [--plans 1000] [--rounds 7] [--folder /tmp/…]
 *
 * It makes the history (about half a minute for a million runs), asks it several times in a fresh process's connection,
 * and prints the figures. Nothing is left behind.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { systemClock } from '@coffre/repository';
import { knownPlans, planFigures } from '../packages/coffre/src/store/status-figures.ts';
import { openSlots } from '../packages/coffre/src/store/slots.ts';
import { openRuns } from '../packages/coffre/src/store/runs.ts';
import { openStore } from '../packages/coffre/src/store/store.ts';
import { trimHistory } from '../packages/coffre/src/store/history.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    plans: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '7' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const runs = Number(values.runs);
const plans = Number(values.plans);
const folder = mkdtempSync(join(values.folder, 'coffre-state-'));
const file = join(folder, 'state.db');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  await (await openStore({ kind: 'sqlite', file }, { clock: systemClock() }))[Symbol.asyncDispose]();
  const madeMs = await timed(() => makeHistory());
  say(
    `${runs} runs of ${plans} plans, made in ${(madeMs / 1000).toFixed(1)} s, ${Math.round(statSync(file).size / 2 ** 20)} MiB`,
  );
  for (let round = 1; round <= Number(values.rounds); round += 1) await ask(round);
  await using store = await openStore({ kind: 'sqlite', file }, { clock: systemClock() });
  let removed = 0;
  const trimMs = await timed(async () => {
    removed = (await trimHistory(store, { runs: { rowsMax: Math.round(runs * 0.98) } })).runs;
  });
  say(`removing the oldest ${removed} runs: ${(trimMs / 1000).toFixed(2)} s`);
} finally {
  rmSync(folder, { recursive: true });
}

async function ask(round: number): Promise<void> {
  const parts: string[] = [];
  let store: Awaited<ReturnType<typeof openStore>> | undefined;
  let names: string[] = [];
  const steps: [string, () => Promise<unknown>][] = [
    ['open', async () => (store = await openStore({ kind: 'sqlite', file }, { clock: systemClock() }))],
    ['plans', async () => (names = await knownPlans(store!))],
    ['figures', () => planFigures(store!, names, 'backup')],
    ['copies', () => planFigures(store!, names, 'copy')],
    ['open slots', () => openSlots(store!)],
    ['open runs', () => openRuns(store!)],
  ];
  let totalMs = 0;
  for (const [name, step] of steps) {
    const tookMs = await timed(step);
    totalMs += tookMs;
    parts.push(`${name} ${tookMs.toFixed(1)}`);
  }
  await store?.[Symbol.asyncDispose]();
  say(`round ${round}: ${totalMs.toFixed(1)} ms in all (${parts.join(', ')})`);
}

async function timed(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Every plan as often as the others, in turns as time goes on; one run in fifty failed, one in ten was a copy. */
function makeHistory(): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous=OFF; BEGIN');
  const startMs = Date.UTC(2026, 0, 1);
  const run = database.prepare(
    `insert into runs (plan, kind, trigger, slot_at, started_at, ended_at, outcome, figures, snapshots, host, pid, boot_id)
     values (?, ?, 'schedule', ?, ?, ?, ?, '{"filesNew":12,"bytesAdded":123456,"bytesRead":123456789}', ?, 'alpha', 4711, 'boot')`,
  );
  const slot = database.prepare(
    'insert or ignore into slots (plan, due_at, opened_at, closed_at, outcome) values (?, ?, ?, ?, ?)',
  );
  const snapshot = JSON.stringify(['ab'.repeat(32)]);
  for (let n = 0; n < runs; n += 1) {
    const plan = `plan-${String(n % plans).padStart(6, '0')}`;
    const dueMs = startMs + Math.floor(n / plans) * 3_600_000;
    const outcome = n % 50 === 7 ? 'failed' : 'success';
    const isLast = n >= runs - plans && n % 100 === 0;
    const endMs = isLast ? null : dueMs + 60_000 + ((n * 7919) % 90_000);
    run.run(plan, n % 10 === 3 ? 'copy' : 'backup', dueMs, dueMs + 1000, endMs, isLast ? null : outcome, snapshot);
    slot.run(plan, dueMs, dueMs, endMs, isLast ? null : outcome);
  }
  database.exec('COMMIT; PRAGMA synchronous=FULL');
  database.close();
}

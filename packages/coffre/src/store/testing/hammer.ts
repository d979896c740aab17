/**
 * A process that works on a state until it is killed: takes jobs, leases and runs, as a daemon's worker would.
 * Arguments: the place as JSON, and a name. A job counts as done when its event is there.
 */
import { systemClock } from '@coffre/repository';
import { recordEvent } from '../events.ts';
import { endLease, takeLease } from '../leases.ts';
import type { StoreLocation } from '../location.ts';
import { endRun, startRun } from '../runs.ts';
import { openStore } from '../store.ts';
import type { Store } from '../store.ts';

const hammerLeaseMs = 700;

async function work(store: Store, name: string): Promise<void> {
  const job = await store.queue.claim(['mail']);
  if (job === undefined) {
    await store.queue.tend();
    return await pause(5);
  }
  const answer = await takeLease(store, {
    repository: 'local',
    mode: 'exclusive',
    holder: name,
    durationMs: hammerLeaseMs,
  });
  if (answer.kind === 'taken') {
    await store.transaction(async (rows) => await rows.queue.retry(job, 0));
    return await pause(20);
  }
  const plan = job.key;
  const run = await startRun(store, {
    plan,
    kind: 'backup',
    trigger: 'schedule',
    host: name,
    pid: process.pid,
    bootId: 'b',
  });
  await store.transaction(async (rows) => {
    // Nothing of it stays when the claim counts no more.
    if (!(await rows.queue.complete(job))) return;
    await endRun(rows, run, { outcome: 'success' });
    await recordEvent(rows, { code: 'hammered', plan, runId: run, detail: {} }, ['mail']);
  });
  await endLease(store, answer.lease);
  return undefined;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

if (import.meta.main) {
  const [place = '', name = ''] = process.argv.slice(2);
  await using store = await openStore(JSON.parse(place) as StoreLocation, { clock: systemClock() });
  process.stdout.write('ready\n');
  for (let turn = 0; turn < 1_000_000; turn += 1) await work(store, name);
}

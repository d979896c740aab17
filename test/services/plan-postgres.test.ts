/** Runs whose history is on a PostgreSQL that dies while they work. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import type { RunMessage } from '../../packages/coffre/src/run/run-message.ts';
import { coffre, makeCompany } from '../e2e/plan/company-scene.ts';
import type { Company } from '../e2e/plan/company-scene.ts';
import { startPostgres } from './postgres.ts';
import { skipWithoutService } from './programs.ts';

const skip = skipWithoutService('postgres');

type Ended = { readonly code: number | null; readonly stderr: string; readonly messages: readonly RunMessage[] };

/** @param act done once, when the phase begins */
async function runWith(company: Company, store: string, phase: string, act: () => Promise<void>): Promise<Ended> {
  const child = spawn(coffre, ['run', 'db-hourly'], {
    env: { ...company.environment, COFFRE_STORE: store },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const messages: RunMessage[] = [];
  let acting: Promise<void> | undefined;
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('message', (message: RunMessage) => {
    messages.push(message);
    if (message.type === 'phase' && message.phase === phase) acting ??= act();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  await acting;
  return { code, stderr, messages };
}

test(
  'a state that goes away stops no backup; the run says so, and the next start writes it down',
  { skip },
  async () => {
    await using server = await startPostgres();
    const store = server.createDatabase();
    using company = makeCompany('', { id: 'unused', key: 'unused' });
    assert.equal((await company.coffre('init', '--all')).code, 0);
    await company.quicken();
    const away = await runWith(company, store, 'preflight', async () => await server.crash());
    const saved = away.messages.some((message) => message.type === 'line' && /shop_db: snapshot/.test(message.text));
    assert.ok(saved, away.stderr);
    assert.match(away.stderr, /history .*written/);
    const last = away.messages.at(-1);
    assert.ok(last?.type === 'ended' && last.outcome === 'warning', JSON.stringify(last));
    await server.start();
    const after = await runWith(company, store, 'never', async () => undefined);
    assert.equal(after.code, 0, after.stderr);
    assert.match(after.stderr, /was lost: its process is gone/);
  },
);

test('a state that comes back while a run works has all of it', { skip }, async () => {
  await using server = await startPostgres();
  const store = server.createDatabase();
  using company = makeCompany('', { id: 'unused', key: 'unused' });
  assert.equal((await company.coffre('init', '--all')).code, 0);
  await company.quicken();
  const again = await runWith(company, store, 'preflight', async () => {
    await server.crash();
    await server.start();
  });
  assert.equal(again.code, 0, again.stderr);
  const after = await runWith(company, store, 'never', async () => undefined);
  assert.equal(after.code, 0, after.stderr);
  assert.equal(/was lost/.test(after.stderr), false, after.stderr);
});

/** A few rows in every table, for stored copies. Times are fixed. */
import { appendAudit } from '../audit-rows.ts';
import { recordEvent } from '../events.ts';
import { countFailure } from '../failure-counts.ts';
import { takeLease } from '../leases.ts';
import { giveUp, takeLetter } from '../letters.ts';
import { nameBackup } from '../named-backups.ts';
import { endRun, startRun } from '../runs.ts';
import type { NewRun } from '../runs.ts';
import { slotProgress } from '../plan-progress.ts';
import { pauseAll, writeSetting } from '../settings.ts';
import { closeSlot, openSlot } from '../slots.ts';
import type { Store } from '../store.ts';
import { noteFailing, noteFired } from '../trigger-states.ts';
import { recordVerification } from '../verifications.ts';
import { sceneStartMs } from './scene.ts';

export const sampleRun: NewRun = {
  plan: "chef's shop – données",
  source: 'sqlite',
  kind: 'backup',
  trigger: 'schedule',
  slotAtMs: sceneStartMs,
  host: 'alpha',
  pid: 4711,
  bootId: 'boot-1',
};

export async function fillSample(store: Store): Promise<void> {
  const { plan } = sampleRun;
  await openSlot(store, { plan, dueAtMs: sceneStartMs });
  await openSlot(store, { plan, dueAtMs: sceneStartMs + 3_600_000 });
  const ended = await startRun(store, sampleRun);
  await endRun(store, ended, { outcome: 'success', figures: { bytesAdded: 12 }, snapshots: ['ab'.repeat(32)] });
  await countFailure(store, { plan, source: 'sqlite', outcome: 'failed', code: 'BACKEND_IO' });
  await closeSlot(store, { plan, dueAtMs: sceneStartMs }, 'success');
  const open = await startRun(store, { ...sampleRun, kind: 'copy' });
  await takeLease(store, { repository: 'local', mode: 'shared', holder: 'alpha', durationMs: 60_000 });
  await recordEvent(store, { code: 'backup.run.failed', plan, runId: open, detail: { reason: 'no room' } }, ['mail']);
  const letter = await takeLetter(store, []);
  await store.transaction(async (rows) => await giveUp(rows, letter!, 'nobody answers'));
  await recordEvent(store, { code: 'run.recovered', plan, detail: {} }, ['mail']);
  await nameBackup(store, { repository: 'local', name: 'v1.2', snapshot: 'ab'.repeat(32), isPinned: true });
  await recordVerification(store, { repository: 'local', kind: 'pack', subject: 'cd'.repeat(32), outcome: 'good' });
  await writeSetting(store, pauseAll, { value: 'new disk', untilMs: sceneStartMs + 86_400_000, changedBy: 'root' });
  await slotProgress(store, [{ plan, fingerprint: 'every hour' }]);
  await noteFired(store, plan, 'door', 'it opened');
  await noteFailing(store, plan, 'door', 'no answer');
  const hash = 'ef'.repeat(32);
  await appendAudit(store, (_, atMs) => ({
    row: { position: 0, atMs, action: 'forget', body: '{"action":"forget"}', hash },
    head: { origin: 'coffre/audit/sample', size: 1, lastHash: hash, peaks: [hash] },
    checkpoint: { size: 1, keyName: 'coffre.audit+00000000', note: 'coffre/audit/sample' },
  }));
}

/** Every version that was ever written comes to the newest, with all its rows, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { auditHead } from '../audit-rows.ts';
import { listEvents } from '../events.ts';
import { failureCounts } from '../failure-counts.ts';
import { leaseHolders } from '../leases.ts';
import { channelFigures, mendLetters, takeLetter, waitingChannels } from '../letters.ts';
import type { StoreLocation } from '../location.ts';
import type { MigrationEvent } from '../migrate.ts';
import { schemaVersion } from '../migrations/migrations.ts';
import { findNamedBackup } from '../named-backups.ts';
import { slotProgress } from '../plan-progress.ts';
import { listRuns } from '../runs.ts';
import { pauseAll, readSetting } from '../settings.ts';
import { openSlots } from '../slots.ts';
import { openStore } from '../store.ts';
import type { Store } from '../store.ts';
import { triggerStates } from '../trigger-states.ts';
import { listVerifications } from '../verifications.ts';
import { readGolden } from './golden.ts';
import { sampleRun } from './sample-state.ts';
import { handClock, openScene, sceneStartMs } from './scene.ts';
import type { Scene } from './scene.ts';

export type MigrationScene = Scene & {
  /** Where the statements have been run. */
  filledPlace(statements: string): Promise<StoreLocation>;
};

export function migrationSuite(engine: 'sqlite' | 'postgres', scene: () => MigrationScene): void {
  const versions = Array.from({ length: schemaVersion }, (_, before) => before + 1);

  for (const version of versions) {
    test(`${engine}: a state of version ${version} is brought to ${schemaVersion} and keeps its rows`, async () => {
      const place = await scene().filledPlace(readGolden(engine, version));
      const events: MigrationEvent[] = [];
      const report = (event: MigrationEvent): void => void events.push(event);
      await using store = await openStore(place, { clock: handClock(), ownClock: true, report });
      assert.deepEqual(
        events.map(({ from, to }) => [from, to]),
        version === schemaVersion ? [] : [[version, schemaVersion]],
      );
      const runs = await listRuns(store, { plan: sampleRun.plan }, 9);
      assert.deepEqual(
        runs.map(({ kind, snapshots }) => [kind, snapshots.length]),
        [
          ['copy', 0],
          ['backup', 1],
        ],
      );
      assert.equal((await openSlots(store)).length, 1);
      if (version >= 2) {
        assert.equal((await leaseHolders(store, 'local'))[0]?.holder, 'alpha');
        const codes = (await listEvents(store, {}, 9)).map(({ code }) => code);
        assert.deepEqual(codes.toSorted(), ['backup.run.failed', ...(version >= 6 ? ['run.recovered'] : [])]);
        await waitingIsTaken(store, version >= 6 ? 'run.recovered' : 'backup.run.failed');
        assert.equal((await findNamedBackup(store, 'local', 'v1.2'))?.isPinned, true);
        assert.equal((await listVerifications(store, { repository: 'local' }, 9)).length, 1);
        assert.equal((await readSetting(store, pauseAll))?.untilMs, sceneStartMs + 86_400_000);
      }
      const [progress] = await slotProgress(store, [{ plan: sampleRun.plan, fingerprint: 'every hour' }]);
      assert.deepEqual([progress?.sinceMs, progress?.firstOpenDueMs], [sceneStartMs, sceneStartMs + 3_600_000]);
      if (version >= 6) {
        assert.equal((await channelFigures(store, ['mail'], 0))[0]?.givenUpError, 'nobody answers');
        assert.equal((await triggerStates(store))[0]?.failing?.problem, 'no answer');
      }
      const failed = { plan: sampleRun.plan, source: 'sqlite', cause: 'repository', count: 1 };
      assert.deepEqual(await failureCounts(store), version >= 8 ? [failed] : []);
      if (version >= 3) assert.equal((await auditHead(store))?.size, 1);
    });
  }

  test(`${engine}: several processes that open a new state at once make it once`, async () => {
    const place = scene().freshPlace();
    const stores = await Promise.all(Array.from({ length: 5 }, () => openScene(place)));
    for (const store of stores) {
      assert.deepEqual(await openSlots(store), []);
      await store[Symbol.asyncDispose]();
    }
  });

  test(`${engine}: a state that a newer program wrote is refused, and not touched`, async () => {
    const place = scene().freshPlace();
    {
      await using store = await openScene(place);
      await sql.raw(`insert into state_schema values (${schemaVersion + 1}, 'future', 1)`).execute(store.db);
    }
    await assert.rejects(openScene(place), (error: { code?: unknown; message?: unknown; hint?: unknown }) => {
      assert.equal(error.code, 'STORE_NEWER');
      assert.match(
        String(error.message),
        new RegExp(`has version ${schemaVersion + 1}, and this program knows versions up to ${schemaVersion}$`),
      );
      assert.match(String(error.hint), /newer program/);
      return true;
    });
  });
}

/** The letter that waited in the older state, or had been taken by somebody, has one job, whatever the engine. */
async function waitingIsTaken(store: Store, code: string): Promise<void> {
  assert.deepEqual(await waitingChannels(store), ['mail']);
  for (let times = 0; times < 2; times += 1) await mendLetters(store);
  const letter = await takeLetter(store, []);
  assert.deepEqual([letter?.channel, letter?.event.code], ['mail', code]);
  assert.equal(await takeLetter(store, []), undefined);
}

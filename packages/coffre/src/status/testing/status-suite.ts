/** What the history says is what `status` is told, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, requireConfig } from '../../config/parse.ts';
import type { Config } from '../../config/config.ts';
import { readYaml } from '../../config/yaml-text.ts';
import { parseZone } from '../../schedule/zone.ts';
import { slotProgress } from '../../store/plan-progress.ts';
import { writeSetting } from '../../store/settings.ts';
import type { StoreLocation } from '../../store/location.ts';
import { endRun, startRun } from '../../store/runs.ts';
import { newestSnapshots } from '../../store/newest-snapshots.ts';
import { repositorySizes } from '../../store/status-repositories.ts';
import type { Store } from '../../store/store.ts';
import { growthPerDay } from '../capacity.ts';
import { readStatusFacts } from '../read-facts.ts';
import { statusOf } from '../status.ts';
import type { Status } from '../status.ts';
import { countFailure, failureCounts } from '../../store/failure-counts.ts';
import { statusMetrics } from '../metrics.ts';
import { openHistory, tellRun, tellVerification } from './history.ts';
import type { Part, SetClock } from './history.ts';

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 7, 24, 6, 30);

const yaml = `
version: 1
timezone: Europe/Paris
secrets: {key: {env: KEY}}
repositories:
  local: {url: /backup, password: "\${secret:key}", medium: disk, place: lyon}
  offsite: {url: "rest:https://b.example/", password: "\${secret:key}", medium: object, place: paris}
sites:
  lyon:
    place: lyon
    sources:
      db: {type: sqlite, path: /srv/db, criticality: critical, objectives: {rpo: 2h}}
      logs: {type: files, paths: [/var/log], criticality: medium}
  annecy: {host: elsewhere, sources: {web: {type: files, paths: [/srv]}}}
plans:
  hourly:
    sources: [lyon/db, lyon/logs]
    to: local
    schedule: {cron: "0 * * * *"}
    copy: {offsite: {after: each, objective: 6h}}
    retention: {local: {daily: 7}}
    verify: {each: [open]}
  nightly: {sources: [annecy/web], to: local, schedule: {cron: "0 3 * * *"}}
`;

function config(): Config {
  return requireConfig(
    parseConfig([readYaml({ file: 'coffre.yaml', text: yaml })], { variables: {}, systemZone: parseZone('UTC') }),
  );
}

type World = AsyncDisposable & { readonly store: Store; readonly clock: SetClock };

async function openWorld(place: StoreLocation): Promise<World> {
  const clock = { atMs: nowMs };
  const store = await openHistory(place, clock);
  return { store, clock, [Symbol.asyncDispose]: async () => await store[Symbol.asyncDispose]() };
}

async function statusNow({ store, clock }: World, isAlive: boolean | undefined = true): Promise<Status> {
  clock.atMs = nowMs;
  const doors = { nowMs, here: 'here', isAlive: () => isAlive, freeSpace: () => Promise.resolve(undefined) };
  return statusOf(await readStatusFacts(config(), store, doors));
}

const db: Part = { kind: 'source', source: 'lyon/db', repository: 'local', figures: { stepsPassed: 1 } };
const logs: Part = { kind: 'source', source: 'lyon/logs', repository: 'local' };
const dbCopy: Part = { kind: 'copy', source: 'lyon/db', repository: 'offsite' };
const logsCopy: Part = { kind: 'copy', source: 'lyon/logs', repository: 'offsite' };
const whole = [db, logs, dbCopy, logsCopy];

function about(status: Status, source: string): string {
  const item = status.items.find((candidate) => candidate.source === source)!;
  return `${item.level} ${item.status} ${item.phase} ${item.problems
    .filter(({ level }) => level !== 'ok')
    .map(({ cause }) => cause)
    .join(' ')}`.trim();
}
export function statusSuite(engine: string, freshPlace: () => StoreLocation): void {
  test(`${engine}: sources of one run stand for themselves, and their copies too`, async () => {
    await using world = await openWorld(freshPlace());
    await tellRun(world.store, world.clock, {
      plan: 'hourly',
      atMs: nowMs - 90 * 60_000,
      outcome: 'success',
      parts: whole,
    });
    await tellRun(world.store, world.clock, {
      plan: 'hourly',
      atMs: nowMs - 30 * 60_000,
      outcome: 'failed',
      parts: [
        { ...db, outcome: 'failed', reason: 'the database is locked', code: 'SOURCE_BUSY' },
        { ...logs, outcome: 'success' },
        { ...logsCopy, outcome: 'success' },
      ],
    });
    const status = await statusNow(world);
    assert.equal(about(status, 'lyon/db'), 'critical failed waiting failed retention_suspended');
    const [problem] = status.items[0]!.problems;
    assert.equal(problem!.detail, 'the database is locked');
    assert.deepEqual(problem!.failure, { cause: 'source', code: 'SOURCE_BUSY' });
    assert.equal(about(status, 'lyon/logs'), 'warning ok waiting retention_suspended');
    assert.equal(about(status, 'annecy/web'), 'unknown unknown no_agent no_agent');
  });

  test(`${engine}: a proof that found other bytes makes the backup one that does not match, also while it is tried again`, async () => {
    await using world = await openWorld(freshPlace());
    const { store, clock } = world;
    await tellRun(store, clock, { plan: 'hourly', atMs: nowMs - 90 * 60_000, outcome: 'success', parts: whole });
    const end = { outcome: 'failed', code: 'VERIFY_FAILED' } as const;
    const parts = [{ ...db, ...end, reason: '/db: other bytes' }, logs];
    await tellRun(store, clock, { plan: 'hourly', atMs: nowMs - 30 * 60_000, outcome: 'failed', parts });
    await countFailure(store, { plan: 'hourly', source: 'lyon/db', ...end });
    const status = await statusNow(world);
    assert.equal(about(status, 'lyon/db'), 'critical hash_mismatch waiting hash_mismatch retention_suspended');
    const failures = await failureCounts(store);
    const metrics = await statusMetrics(status, { company: undefined, version: '1', failures });
    const line = (name: string, label: string): string =>
      `coffre_${name}{company="",site="lyon",backup_job="hourly/db",${label}}`;
    assert.ok(metrics.includes(`${line('job_status', 'status="hash_mismatch"')} 1\n`));
    assert.ok(metrics.includes(`${line('run_failures_total', 'reason="integrity"')} 1\n`));
    assert.ok(metrics.includes(`${line('run_failures_total', 'reason="dump"')} 0\n`));
  });

  test(`${engine}: a copy has what was saved before it, and waits for what came after`, async () => {
    await using world = await openWorld(freshPlace());
    await tellRun(world.store, world.clock, {
      plan: 'hourly',
      atMs: nowMs - 8 * hourMs,
      outcome: 'success',
      parts: whole,
    });
    for (let hours = 7; hours > 0; hours -= 1) {
      await tellRun(world.store, world.clock, {
        plan: 'hourly',
        atMs: nowMs - hours * hourMs,
        outcome: 'success',
        parts: [db, logs, { ...dbCopy, outcome: 'failed' }],
      });
    }
    const [item] = (await statusNow(world)).items;
    const [copy] = item!.copies;
    assert.equal(copy!.lastGoodMs, nowMs - 8 * hourMs);
    assert.equal(copy!.lagMs, 7 * hourMs - 30_000);
    assert.deepEqual(
      copy!.problems.map(({ cause }) => cause),
      ['copy_late', 'copy_failed'],
    );
    assert.equal(item!.backup.proof?.level, 3);
  });

  test(`${engine}: what goes on, what was given up and what is paused is said`, async () => {
    await using world = await openWorld(freshPlace());
    await tellRun(world.store, world.clock, {
      plan: 'hourly',
      atMs: nowMs - 20 * 60_000,
      outcome: 'success',
      parts: whole,
    });
    await tellRun(world.store, world.clock, { plan: 'hourly', atMs: nowMs - 60_000, tookMs: 1000 });
    assert.equal(about(await statusNow(world), 'lyon/db'), 'ok ok running');
    assert.equal(about(await statusNow(world, false), 'lyon/db'), 'critical failed waiting lost');
    await writeSetting(world.store, 'pause:hourly', { value: 'moving', untilMs: nowMs + hourMs, changedBy: 'root' });
    assert.equal(about(await statusNow(world), 'lyon/logs'), 'warning ok running paused');
  });

  test(`${engine}: a plan that nobody started is missing from when its schedule was first seen`, async () => {
    await using world = await openWorld(freshPlace());
    assert.equal(about(await statusNow(world), 'lyon/logs'), 'warning unknown waiting never_ran');
    world.clock.atMs = nowMs - 5 * hourMs;
    await slotProgress(world.store, [{ plan: 'hourly', fingerprint: 'one' }]);
    assert.equal(about(await statusNow(world), 'lyon/logs'), 'critical unknown waiting never_ran');
  });

  test(`${engine}: repositories say when they were listed and read, and what was found`, async () => {
    await using world = await openWorld(freshPlace());
    await tellRun(world.store, world.clock, {
      plan: 'hourly',
      atMs: nowMs - 20 * 60_000,
      outcome: 'success',
      parts: whole,
    });
    await tellVerification(world.store, world.clock, nowMs - hourMs, {
      repository: 'local',
      kind: 'list',
      outcome: 'good',
    });
    await tellVerification(world.store, world.clock, nowMs - 30_000, {
      repository: 'local',
      kind: 'pack',
      outcome: 'damaged',
      detail: 'pack 12ab',
    });
    await tellVerification(world.store, world.clock, nowMs - 20_000, {
      repository: 'offsite',
      kind: 'list',
      outcome: 'unreachable',
    });
    const status = await statusNow(world);
    const [local, offsite] = ['local', 'offsite'].map((name) => status.repositories.find((one) => one.name === name)!);
    assert.equal(local!.listedMs, nowMs - hourMs);
    assert.deepEqual(
      local!.problems.map(({ cause, detail }) => `${cause} ${detail}`),
      ['damaged pack 12ab'],
    );
    assert.deepEqual(
      offsite!.problems.map(({ cause }) => cause),
      ['unreachable'],
    );
    assert.equal(about(status, 'lyon/db').split(' ').slice(0, 2).join(' '), 'critical hash_mismatch');
  });

  test(`${engine}: sizes that were noted tell how long there is room, and a drill proves its snapshot alone`, async () => {
    await using world = await openWorld(freshPlace());
    const { store, clock } = world;
    const [old, fresh] = ['aa'.repeat(32), 'bb'.repeat(32)];
    for (const [hours, snapshot] of [
      [3, old],
      [1, fresh],
    ] as const) {
      const parts = [{ ...db, figures: {}, snapshots: [snapshot] }, logs, dbCopy, logsCopy];
      await tellRun(store, clock, { plan: 'hourly', atMs: nowMs - hours * hourMs, outcome: 'success', parts });
    }
    for (let day = 10; day > 0; day -= 1) {
      clock.atMs = nowMs - day * 24 * hourMs;
      const process = { host: 'test', pid: 1, bootId: 'boot 1' };
      const row = {
        plan: 'care/offsite',
        kind: 'check',
        trigger: 'manual',
        repository: 'offsite',
        ...process,
      } as const;
      const id = await startRun(store, row);
      await endRun(store, id, { outcome: 'success', figures: { repositoryBytes: (20 - day) * 1e9 } });
    }
    await tellVerification(store, clock, nowMs - 60_000, {
      repository: 'local',
      kind: 'drill',
      subject: old,
      outcome: 'good',
    });
    const expected = await newestSnapshots(store, 'local');
    assert.deepEqual(expected, [{ plan: 'hourly', source: 'lyon/db', snapshots: [fresh], origins: [] }]);
    const before = await statusNow(world);
    const offsite = before.repositories.find(({ name }) => name === 'offsite')!;
    assert.deepEqual(offsite.room?.sizeBytes, 19e9);
    assert.equal(before.items.find(({ source }) => source === 'lyon/db')!.backup.proof?.level, 1);
    await tellVerification(store, clock, nowMs - 30_000, {
      repository: 'local',
      kind: 'drill',
      subject: fresh,
      outcome: 'good',
    });
    const after = await statusNow(world);
    assert.equal(after.items.find(({ source }) => source === 'lyon/db')!.backup.proof?.level, 4);
    assert.equal(growthPerDay(await repositorySizes(store, { repository: 'offsite', plan: 'care/offsite' }, 60)), 1e9);
  });
}

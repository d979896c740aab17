/**
 * Two real managers on one real PostgreSQL, with a plan every other second: killed, cut off, and without their server for a
 * while. Longer with COFFRE_KILLS=50; the seed is printed and can be given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import { managersScene } from './two-managers.ts';
import type { ManagersScene } from './two-managers.ts';

const rounds = Number(process.env['COFFRE_KILLS'] ?? 2);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
const sites = `  home:
    sources:
      docs: {type: files, paths: [FOLDER/docs]}
      dump: {type: command, run: [sh, -c, "sleep 0.5; date +%N"]}`;
const periods = { docs: 2000, dump: 4000 } as const;
const longestMs = Math.max(...Object.values(periods));
const plans = `  docs: {sources: [home/docs], to: main, schedule: {every: 2s}}
  dump: {sources: [home/dump], to: main, schedule: {every: 4s}}`;
const password = 'managers-only';

describe('two managers on one PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer;
  let databases = 0;
  before(async () => {
    server = await startPostgres({ password });
  });
  after(async () => await server[Symbol.asyncDispose]());

  async function openScene(proxy: TcpProxy, wish: { sites: string; plans: string }): Promise<ManagersScene> {
    databases += 1;
    server.run('createdb', [`managers${databases}`]);
    const url = `postgres://coffre@127.0.0.1:${server.port}/managers${databases}`;
    return await managersScene({ url, password, managersPort: proxy.port, ...wish });
  }

  test(
    'killed at random moments, the other does what was left; no slot is lost or run twice',
    { timeout: 900_000 },
    async (t) => {
      t.diagnostic(`seed ${seed}`);
      const random = createSeededRandom(seed);
      await using proxy = await startTcpProxy(server.port);
      await using scene = await openScene(proxy, { sites, plans });
      const managers = [await scene.start('alpha'), await scene.start('beta')];
      for (let round = 0; round < rounds; round += 1) {
        await pause(1000 + random.integer(7000));
        const which = random.integer(2);
        const { name } = managers[which]!;
        await managers[which]!.kill();
        // Alone, the other one closes whatever was open.
        await untilClosed(scene, Date.now());
        managers[which] = await scene.start(name);
      }
      const endMs = Date.now();
      await untilClosed(scene, endMs);
      for (const manager of managers) await manager.stop();
      t.diagnostic(await check(scene, endMs));
    },
  );

  test(
    'a server that stops and a network that is cut hold them up, and nothing is missed or done twice',
    { timeout: 900_000 },
    async (t) => {
      await using proxy = await startTcpProxy(server.port);
      await using scene = await openScene(proxy, { sites, plans });
      const [alpha, beta] = [await scene.start('alpha'), await scene.start('beta')];
      await pause(4000);
      proxy.cutAnswersAfter(0);
      await pause(5000);
      proxy.cutAnswersAfter(undefined);
      await untilClosed(scene, Date.now());
      await server.crash();
      await pause(4000);
      await server.start();
      const endMs = Date.now();
      await untilClosed(scene, endMs);
      await alpha.stop();
      await beta.stop();
      t.diagnostic(await check(scene, endMs));
    },
  );

  test(
    'of two machines each runs what lies there, and what lies nowhere is taken over when one is gone',
    { timeout: 900_000, skip: process.getuid?.() !== 0 && 'only root may give a process another host name' },
    async (t) => {
      await using proxy = await startTcpProxy(server.port);
      await using scene = await openScene(proxy, {
        sites: `  north: {host: north.test, sources: {docs: {type: command, run: [hostname]}}}
  south: {host: south.test, sources: {docs: {type: command, run: [hostname]}}}
  home: {sources: {dump: {type: command, run: [sh, -c, "sleep 8; hostname"]}}}`,
        plans: `  north: {sources: [north/docs], to: main, schedule: {every: 2s}}
  south: {sources: [south/docs], to: main, schedule: {every: 2s}}
  dump: {sources: [home/dump], to: main, schedule: {once: "${inAMinute()}"}}`,
      });
      const north = await scene.start('north', 'north.test');
      const pidOf = async (plan: string): Promise<number | undefined> =>
        (await north.status()).jobs.find((job) => job.plan === plan && job.runId !== undefined)?.pid;
      let pid: number | undefined;
      while ((pid = await pidOf('dump')) === undefined) await pause(50);
      // As when the machine is gone, with all that ran there: only its silence tells.
      process.kill(pid, 'SIGSTOP');
      await north.kill();
      process.kill(pid, 'SIGKILL');
      const south = await scene.start('south', 'south.test');
      const killedMs = Date.now();
      const slots = scene.store.db.selectFrom('slots').selectAll().where('plan', '=', 'dump');
      while ((await slots.executeTakeFirst())?.closed_at == null) await pause(200);
      t.diagnostic(`taken over and done after ${Math.round((Date.now() - killedMs) / 1000)} s`);
      await south.stop();
      const rows = await scene.store.db
        .selectFrom('runs')
        .selectAll()
        .where('parent_id', 'is', null)
        .orderBy('id')
        .execute();
      const ends = (plan: string): string[] =>
        rows.filter((row) => row.plan === plan).map(({ host, outcome }) => `${host} ${outcome}`);
      assert.deepEqual(ends('dump'), ['north.test lost', 'south.test success']);
      assert.equal((await slots.execute()).length, 1);
      for (const host of ['north', 'south']) {
        assert.ok(ends(host).length > 0, `nothing ran on ${host}`);
        assert.ok(ends(host).every((end) => end.startsWith(`${host}.test `)));
      }
    },
  );
});

/** As a configuration says it, in UTC. */
function inAMinute(): string {
  return new Date(Date.now() + 60_000).toISOString().slice(0, 19).concat('Z');
}

/** Every slot of the past has come to its end. */
async function untilClosed(
  { store }: ManagersScene,
  beforeMs: number,
  of: readonly string[] = Object.keys(periods),
): Promise<void> {
  for (;;) {
    const rows = await store.db
      .selectFrom('slots')
      .select(({ fn }) => ['plan', fn.max('due_at').as('due')])
      .where('closed_at', 'is not', null)
      .groupBy('plan')
      .execute();
    const open = await store.db
      .selectFrom('slots')
      .select('plan')
      .where('closed_at', 'is', null)
      .where('due_at', '<=', beforeMs)
      .execute();
    const isDone = (plan: string): boolean =>
      rows.some((row) => row.plan === plan && row.due > beforeMs - longestMs) && !open.some((row) => row.plan === plan);
    if (of.every(isDone)) return;
    await pause(200);
  }
}

/** Slots, runs and snapshots tell the same. */
async function check(scene: ManagersScene, endMs: number): Promise<string> {
  const { db } = scene.store;
  const runs = await db.selectFrom('runs').selectAll().where('parent_id', 'is', null).execute();
  const snapshots = JSON.parse(scene.run('snapshots', '--json')) as { tags: string[] }[];
  const saved = new Map<string, number>();
  for (const { tags } of snapshots) {
    const run = tags.find((tag) => tag.startsWith('coffre:run='))!.slice('coffre:run='.length);
    saved.set(run, (saved.get(run) ?? 0) + 1);
  }
  const good = runs.filter(({ outcome }) => outcome === 'success' || outcome === 'warning');
  for (const { id, slot_at } of good)
    assert.equal(saved.get(String(id)), 1, `run ${id} of ${slot_at} has another number of snapshots`);
  for (const run of saved.keys())
    assert.ok(
      runs.some(({ id }) => String(id) === run),
      `nobody knows of run ${run}`,
    );
  for (const [plan, periodMs] of Object.entries(periods)) {
    const all = await db.selectFrom('slots').selectAll().where('plan', '=', plan).orderBy('due_at').execute();
    const slots = all.filter(({ due_at }) => due_at <= endMs);
    const due = slots.map(({ due_at }) => due_at);
    assert.deepEqual(
      due,
      due.map((_, index) => due[0]! + index * periodMs),
      `${plan}: a slot is missing`,
    );
    assert.deepEqual(
      slots.filter(({ closed_at }) => closed_at === null),
      [],
      `${plan}: a slot has no end`,
    );
    const done = good.filter((run) => run.plan === plan).map(({ slot_at }) => slot_at);
    assert.equal(new Set(done).size, done.length, `${plan}: a slot was run twice`);
    // Tried again together with slots that came up meanwhile, also after the end, it ends in the same moment as they do.
    const successes = slots.filter(({ outcome }) => outcome === 'success');
    const endings = new Set(all.filter(({ due_at }) => done.includes(due_at)).map(({ closed_at }) => closed_at));
    const undone = successes.filter(({ closed_at }) => !endings.has(closed_at)).map(({ due_at }) => due_at);
    assert.deepEqual(undone, [], `${plan}: a slot is called done and was not`);
    const covering = new Set(
      slots.filter(({ outcome }) => outcome !== 'missed').map(({ due_at }) => new Date(due_at).toISOString()),
    );
    for (const { outcome, reason } of slots) {
      if (outcome !== 'missed') continue;
      const [, by = ''] = /^the run of (\S+) did its work$/.exec(reason ?? '') ?? [];
      assert.ok(
        covering.has(by) || by > new Date(endMs).toISOString(),
        `${plan}: a slot was done by nobody: ${reason}`,
      );
    }
    assert.ok(successes.length > 0);
  }
  const others = snapshots.length - good.length;
  return `${runs.length} runs, ${good.length} good, ${snapshots.length} snapshots, ${others} of runs that were killed later`;
}

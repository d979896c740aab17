/** Letters of real managers that share one PostgreSQL: each goes to one of them, and to another when that one is killed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { recordEvent } from '../../packages/coffre/src/store/events.ts';
import { waitingChannels } from '../../packages/coffre/src/store/letters.ts';
import { listRuns } from '../../packages/coffre/src/store/runs.ts';
import { endLeases } from '../../packages/coffre/src/store/testing/scene.ts';
import { startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { skipWithoutService } from './programs.ts';
import { managersScene } from './two-managers.ts';
import type { ManagersScene } from './two-managers.ts';

const password = 'letters-only';

/** Says who carries what, and waits for the answer. */
const channel = `export const extension = { channels: { room: { parseSettings: (settings) => settings, async deliver(notice, { url }, { signal }) {
  const who = { pid: process.pid, channel: new URL(url).pathname, id: notice.id, attempt: notice.attempt, event: notice.event };
  await fetch(url, { method: 'POST', signal, body: JSON.stringify(who) });
} } } };`;

type Heard = {
  readonly pid: number;
  readonly channel: string;
  readonly id: string;
  readonly attempt: number;
  readonly event: string;
};

type Room = AsyncDisposable & {
  readonly url: string;
  readonly heard: readonly Heard[];
  /** What is heard from now on has no answer. */
  isSilent: boolean;
};

async function openRoom(): Promise<Room> {
  const heard: Heard[] = [];
  const unanswered: ServerResponse[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      heard.push(JSON.parse(body) as Heard);
      if (room.isSilent) unanswered.push(response);
      else response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const room = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    isSilent: false,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return room;
}

const told = { detail: { causes: ['failed'] }, plan: 'bad' };

describe('letters of managers on one PostgreSQL', { skip: skipWithoutService('postgres') }, () => {
  let server: PostgresServer;
  let databases = 0;
  before(async () => {
    server = await startPostgres({ password });
  });
  after(async () => await server[Symbol.asyncDispose]());

  async function openScene(room: Room): Promise<ManagersScene> {
    databases += 1;
    const database = `letters${databases}`;
    server.run('createdb', [database]);
    const settings = (name: string): string => `{extension: {use: room, settings: {url: "${room.url}/${name}"}}}`;
    const scene = await managersScene({
      url: `postgres://coffre@127.0.0.1:${server.port}/${database}`,
      password,
      managersPort: server.port,
      sites: `  home: {sources: {none: {type: files, paths: [FOLDER/none]}}}`,
      plans: `  bad: {sources: [home/none], to: main, retries: {times: 0}}
extensions: [./room.js]
alerts:
  channels: {one: ${settings('one')}, two: ${settings('two')}}
  routes: [{when: [failed], severity: critical, to: [one, two]}]`,
    });
    writeFileSync(join(scene.folder, 'room.js'), channel);
    // As before any program of ours had seen it: the two that start now make everything.
    for (const schema of ['coffre', 'coffre_queue']) {
      server.run('psql', ['-q', '-c', `drop schema ${schema} cascade`, database]);
    }
    return scene;
  }

  async function untilSent({ store }: ManagersScene, { signal }: TestContext): Promise<void> {
    while ((await waitingChannels(store)).length > 0) await pause(50, undefined, { signal });
  }

  test(
    'two that start at once on an empty database carry each letter at one of them, in its order in each channel',
    { timeout: 300_000 },
    async (t) => {
      await using room = await openRoom();
      await using scene = await openScene(room);
      const [alpha, beta] = await Promise.all([scene.start('alpha'), scene.start('beta')]);
      const managers = [alpha, beta];
      const codes = Array.from({ length: 20 }, (_, n) => `event.${n}`);
      for (const code of codes) {
        await scene.store.transaction(async (rows) => await recordEvent(rows, { ...told, code }, ['one', 'two']));
      }
      await untilSent(scene, t);
      for (const name of ['/one', '/two']) {
        const heard = room.heard.filter((each) => each.channel === name);
        assert.deepEqual([...new Set(heard.map(({ event }) => event))].toSorted(), codes.toSorted());
        const claims = heard.map(({ id, attempt }) => `${id} ${attempt}`);
        assert.equal(new Set(claims).size, claims.length, "no claim of a letter is anybody else's");
        // A machine that is too busy to deliver within half a minute has it tried again.
        if (heard.some(({ attempt }) => attempt > 1)) continue;
        assert.equal(heard.length, codes.length);
        for (const pid of managers.map((manager) => manager.pid)) {
          const places = heard.filter((each) => each.pid === pid).map(({ event }) => codes.indexOf(event));
          assert.deepEqual(
            places,
            places.toSorted((a, b) => a - b),
          );
          t.diagnostic(`${name}: ${places.length} by ${pid}`);
        }
      }
      // A run of its own process that fails is told as well.
      const before = room.heard.length;
      await alpha.run('bad');
      while (room.heard.length < before + 2) await pause(50, undefined, t);
      assert.equal((await listRuns(scene.store, { plan: 'bad' }, 1))[0]?.end?.outcome, 'failed');
      await untilSent(scene, t);
      for (const manager of managers) await manager.stop();
    },
  );

  test(
    'one that is killed while it delivers leaves the letter to the other, who sends it with the same id',
    { timeout: 300_000 },
    async (t) => {
      await using room = await openRoom();
      await using scene = await openScene(room);
      const managers = [await scene.start('alpha'), await scene.start('beta')];
      room.isSilent = true;
      await recordEvent(scene.store, { ...told, code: 'event.held' }, ['one']);
      while (room.heard.length === 0) await pause(20, undefined, t);
      room.isSilent = false;
      const [first] = room.heard;
      const holder = managers.find(({ pid }) => pid === first?.pid);
      const other = managers.find(({ pid }) => pid !== first?.pid);
      await holder!.kill();
      await recordEvent(scene.store, { ...told, code: 'event.next' }, ['one']);
      await endLeases(scene.store);
      await untilSent(scene, t);
      const again = room.heard.filter(({ event }) => event === 'event.held');
      assert.deepEqual(
        again.map(({ pid, id, attempt }) => ({ pid, id, attempt })),
        [
          { pid: holder!.pid, id: first!.id, attempt: 1 },
          { pid: other!.pid, id: first!.id, attempt: 2 },
        ],
      );
      assert.ok(room.heard.some(({ event, pid }) => event === 'event.next' && pid === other!.pid));
      await other!.stop();
    },
  );
});

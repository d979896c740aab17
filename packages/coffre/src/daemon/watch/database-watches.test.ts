import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { parseConfig, requireConfig } from '../../config/parse.ts';
import { readYaml } from '../../config/yaml-text.ts';
import { parseZone } from '../../schedule/zone.ts';
import type { DaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import { workOf, type Work } from '../work.ts';
import { DatabaseWatches } from './database-watches.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-watches-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'shop.db');

function works(continuous: string): Work[] {
  const text = `version: 1
secrets: {pw: {env: PW}}
repositories: {main: {url: /srv/main, password: "\${secret:pw}", maintained_by: elsewhere}}
sites: {home: {sources: {db: {type: sqlite, path: ${path}${continuous}}, docs: {type: files, paths: [/srv]}}}}
plans: {live: {sources: [home/db], to: main}, other: {sources: [home/docs], to: main}}
`;
  const places = { variables: {}, systemZone: parseZone('UTC') };
  return [...workOf(requireConfig(parseConfig([readYaml({ file: 'coffre.yaml', text })], places)), 'here').values()];
}

/** Both clocks stand until they are told to go on. */
function standingClock(): DaemonClock & { advance(ms: number): Promise<void> } {
  let nowMs = 0;
  const timers = new Set<{ atMs: number; call: () => void }>();
  return {
    now: () => ({ wallMs: nowMs, monotonicMs: nowMs }),
    after(delayMs, call) {
      const timer = { atMs: nowMs + delayMs, call };
      timers.add(timer);
      return { [Symbol.dispose]: () => void timers.delete(timer) };
    },
    async advance(ms) {
      for (const endMs = nowMs + ms; nowMs < endMs;) {
        nowMs += 100;
        for (const timer of timers) {
          if (timer.atMs > nowMs) continue;
          timers.delete(timer);
          timer.call();
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

test('only plans with `continuous` are started by writes, and they need no trigger of their own', () => {
  const [live, other] = works(', continuous: 10s');
  assert.deepEqual(live?.databases, [{ path, intervalMs: 10_000 }]);
  assert.deepEqual(live?.entry.spec.triggers, [{ kind: 'on_change', settleMs: 0, atMostMs: 0 }]);
  assert.equal(other?.databases, undefined);
  const [plain] = works('');
  assert.equal(plain?.databases, undefined);
  assert.deepEqual(plain?.entry.spec.triggers, []);
});

test('a written database starts its plan, once in an interval, until the plan is taken away', async () => {
  const clock = standingClock();
  const started: string[] = [];
  const quiet = (): void => undefined;
  const log = { warn: quiet, info: quiet, error: quiet } as unknown as DaemonLog;
  using watches = new DatabaseWatches({ clock, log, onChange: (plan) => started.push(plan) });
  using database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (a)');
  watches.watch(works(', continuous: 10s'));
  await clock.advance(5000);
  assert.deepEqual(started, ['live'], 'what happened before is not known');
  for (let second = 0; second < 30; second += 1) {
    database.exec('INSERT INTO t VALUES (1)');
    watches.watch(works(', continuous: 10s'));
    await clock.advance(1000);
  }
  assert.equal(started.length, 4);
  await clock.advance(60_000);
  const atRest = started.length;
  await clock.advance(60_000);
  assert.equal(started.length, atRest, 'nothing is started when nothing is written');
  watches.watch(works(''));
  database.exec('INSERT INTO t VALUES (2)');
  await clock.advance(60_000);
  assert.equal(started.length, atRest);
});

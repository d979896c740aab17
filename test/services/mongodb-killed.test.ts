/** The program itself is killed in the middle of a dump of MongoDB: no snapshot, no program and no password stay behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipWithoutMongodb, startFerretdb, toolsPath } from './ferretdb.ts';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';
import { launcher as program } from '../program.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** Of programs with this text among their words. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(join('/proc', pid, 'cmdline'), 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test(
  'killed in mid-dump: nothing is published, and the next run cleans up and succeeds',
  { skip: skipWithoutMongodb() },
  async (t) => {
    await using server = await startFerretdb();
    for (const name of ['a', 'b', 'c']) {
      const documents = Array.from({ length: 60 }, (_, _id) => ({ _id, bytes: Buffer.alloc(60_000, _id) }));
      await server.client
        .db('shop')
        .collection(name)
        .insertMany(documents as object[]);
    }
    // The dump cannot come to its end before it is killed.
    await using proxy = await startTcpProxy(server.port);
    proxy.holdAnswersAfter(2_000_000);
    const url = server.url.replace(String(server.port), String(proxy.port));
    const folder = mkdtempSync(join(tmpdir(), 'coffre-killed-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    writeFileSync(join(folder, 'key'), 'key of the test');
    writeFileSync(
      join(folder, 'coffre.yaml'),
      `version: 1
secrets: {key: {file: ${folder}/key}}
repositories: {local: {url: ${folder}/repository, password: "\${secret:key}"}}
sites: {here: {sources: {shop: {type: mongodb, connect: {url: "${url}", database: shop}}}}}
plans: {shop: {sources: [here/shop], to: local, schedule: {cron: "0 2 * * *"}, verify: {each: [archive]}}}
`,
    );
    const environment = {
      PATH: `${toolsPath()}:${process.env['PATH'] ?? ''}`,
      HOME: folder,
      ...compiled,
      TMPDIR: temporary,
      COFFRE_CONFIG: join(folder, 'coffre.yaml'),
      COFFRE_STATE_DIR: join(folder, 'state'),
    };
    // Not in the way of the proxy in this process.
    const run = async (...words: string[]): Promise<string> => {
      const child = spawn(program, words, { env: environment, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += String(part)));
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 0, said);
      return said;
    };
    await run('init', 'local');
    await quicken(join(folder, 'repository'), 'key of the test');
    const killed = spawn(program, ['run', 'shop'], { env: environment, cwd: folder, stdio: 'ignore' });
    const ended = once(killed, 'close');
    await until(() => processesWith(`--config=${temporary}`).length > 0);
    killed.kill('SIGKILL');
    await ended;
    proxy.holdAnswersAfter(undefined);
    // Who writes into a pipe that nobody reads ends by himself.
    await until(() => processesWith(`--config=${temporary}`).length === 0);
    assert.equal(readdirSync(join(folder, 'repository', 'snapshots')).length, 0);
    assert.match(await run('run', 'shop'), /success/);
    assert.equal(readdirSync(join(folder, 'repository', 'snapshots')).length, 1);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('coffre-dump-')),
      [],
    );
    assert.ok(existsSync(join(folder, 'repository', 'config')));
  },
);

/** What is heard of a daemon that ends in the middle of its answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { requireDaemon } from './control-client.ts';
import { socketPath } from './socket-path.ts';

test('who follows a run is told that the daemon is gone, after all that it said', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  let following: ServerResponse | undefined;
  const server = createServer((request, response) => {
    if (request.url === '/v1/status') return void response.end('{}');
    following = response;
    return void response.write('{"type":"waiting","waitsFor":"running"}\n');
  });
  using place = socketPath(folder);
  server.listen(place.path);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const heard: string[] = [];
  const daemon = await requireDaemon(folder);
  await assert.rejects(
    async () => {
      for await (const { type } of daemon.run('db')) {
        heard.push(type);
        following?.destroy();
      }
    },
    (error) => isCoffreError(error, 'DAEMON_ABSENT') && /ended while it was listened to/.test(error.message),
  );
  assert.deepEqual(heard, ['waiting']);
});

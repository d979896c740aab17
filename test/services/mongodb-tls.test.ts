/** Over TLS: driver and tools trust the same root, and refuse the same stranger. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MongoClient } from 'mongodb';
import { isCoffreError } from '@coffre/repository';
import { makeCertificates } from './certificates.ts';
import { skipWithoutMongodb } from './ferretdb.ts';
import { freePort } from './free-port.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';

test('a server is saved and loaded over TLS, and an unknown one is not', { skip: skipWithoutMongodb() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-mongo-tls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'data'));
  const certificates = makeCertificates(folder);
  const port = await freePort();
  const service = await startService({
    program: findService('ferretdb')!,
    argv: [
      '--listen-addr=',
      `--listen-tls=127.0.0.1:${port}`,
      `--listen-tls-cert-file=${certificates.serverCertFile}`,
      `--listen-tls-key-file=${certificates.serverKeyFile}`,
      `--sqlite-url=file:${join(folder, 'data')}/`,
    ],
    place: { port },
  });
  t.after(async () => await service.stop());
  const url = `mongodb://127.0.0.1:${port}/?tls=true&tlsCAFile=${encodeURIComponent(certificates.rootFile)}`;
  const client = new MongoClient(url);
  t.after(async () => await client.close());
  await client
    .db('shop')
    .collection('a')
    .insertMany([{ a: 1 }, { a: 2 }]);

  using scene = await createMongodbScene();
  const settings = { name: 'db', host: '127.0.0.1', port, databases: [], excludeDatabases: [], dumpArguments: [] };
  const verifying = { ...settings, tls: 'verify', caFile: certificates.rootFile } as const;
  const saved = await scene.save(verifying);
  await mongodb.load(saved, { to: 'copy', overwrite: false, only: [], settings: verifying }, scene.context);
  assert.equal(await client.db('copy').collection('a').countDocuments(), 2);
  await scene.save({ ...settings, tls: 'require' });
  for (const stranger of [{ tls: 'verify' }, { tls: 'off' }] as const) {
    await assert.rejects(scene.save({ ...settings, ...stranger }), (error) =>
      isCoffreError(error, 'SOURCE_UNREACHABLE'),
    );
  }
});

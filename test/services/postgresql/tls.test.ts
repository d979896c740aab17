/** The way to a server that is encrypted: for our own connection and for the tools alike. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf, type Tls } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import { makeCertificates, type Certificates } from '../certificates.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { contextFor, save, settingsFor } from './scene.ts';
import { findPostgres, skipWithoutPostgres } from './versions.ts';

const password = 'hush';

describe('PostgreSQL behind TLS', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  let folder: string;
  let certificates: Certificates;
  let foreign: Certificates;
  const { programs } = findPostgres(15) ?? { programs: '' };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'coffre-pg-tls-'));
    chmodSync(folder, 0o755);
    certificates = makeCertificates(folder);
    const other = mkdtempSync(join(folder, 'other-'));
    foreign = makeCertificates(other);
    const { serverCertFile, serverKeyFile } = certificates;
    chmodSync(serverKeyFile, 0o600);
    // The server runs as nobody when we are root, and wants to own its key.
    if (process.getuid?.() === 0) chownSync(serverKeyFile, 65_534, 65_534);
    const ssl = ['ssl=on', `ssl_cert_file=${serverCertFile}`, `ssl_key_file=${serverKeyFile}`].flatMap((word) => [
      '-c',
      word,
    ]);
    server = await startPostgres({ programs, password, argv: ssl });
    server.run('createdb', ['shop']);
    server.run('psql', ['-q', 'shop'], 'CREATE TABLE t (a int); INSERT INTO t VALUES (1)');
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const over = (tls: Tls, host: string, caFile?: string) =>
    settingsFor(server, {
      databases: ['shop'],
      address: addressOf({ host, port: server.port, user: 'coffre', password, tls, caFile }),
    });

  test('a server is saved over TLS, verified by its root where that is asked for', async () => {
    for (const [tls, caFile] of [['prefer'], ['require'], ['verify', certificates.rootFile]] as const) {
      const saved = await save(over(tls, '127.0.0.1', caFile), contextFor(programs));
      assert.equal(saved.truth.server.isEncrypted, true, tls);
      assert.equal(saved.truth.databases[0]?.relations[0]?.rows, 1);
    }
    const plain = await save(over('off', '127.0.0.1'), contextFor(programs));
    assert.equal(plain.truth.server.isEncrypted, false);
  });

  test('another root, and a certificate of another host, are refused', async () => {
    const refused = async (settings: ReturnType<typeof over>): Promise<void> =>
      await assert.rejects(postgresql.preflight(settings, contextFor(programs), undefined), {
        code: 'SOURCE_UNREACHABLE',
      });
    await refused(over('verify', '127.0.0.1', foreign.rootFile));
    await refused(over('verify', '127.0.0.1'));
    await refused(over('verify', 'localhost', certificates.rootFile));
  });
});

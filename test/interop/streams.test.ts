/** A snapshot of folders, several streams and a closing file is a snapshot like all others to restic. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { backup } from '../../packages/repository/src/archive/backup.ts';
import { databaseProfile, pagesProfile } from '../../packages/repository/src/chunker/profile.ts';
import { toByteString, type ByteString } from '../../packages/repository/src/format/bytestring.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import { createSampleHost, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createStage, skipWithoutBoth, type Stage } from './stage.ts';

const hostileNames = ['plain.sql', 'o\'clock "x".sql', '-rf', '$(reboot)', 'two\nlines', 'été'];

describe('streams beside folders are readable by restic', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  before(() => {
    stage = createStage();
  });
  after(() => stage[Symbol.dispose]());

  test('listed, checked and dumped byte for byte, whatever the names', async () => {
    const place = await stage.repository('streams');
    const site = join(stage.folder, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'index.html'), '<h1>shop</h1>');
    const contents = hostileNames.map((_, i) => randomBytes(900_000 + i));
    async function* parts(data: Buffer): AsyncGenerator<Buffer> {
      for (let at = 0; at < data.byteLength; at += 100_000) yield data.subarray(at, at + 100_000);
    }
    const host = createSampleHost();
    await using repository = await openRepository({
      backend: createLocalBackend({ path: place }),
      host,
      password: samplePassword,
    });
    const about = toByteString('/.coffre/about');
    await backup(await repository.loadIndex(), {
      workingFolder: '/' as ByteString,
      paths: [toByteString(site)],
      streams: hostileNames.map((name, i) => ({
        path: toByteString(`/databases/${name}`),
        bytes: () => parts(contents[i] as Buffer),
        profile: i % 2 === 0 ? databaseProfile : pagesProfile,
      })),
      streamsAtOnce: 2,
      closing: { paths: [about], make: async () => [{ path: about, bytes: Buffer.from('all is well') }] },
    });
    for (const program of ['old', 'new', 'coffre'] as const) {
      stage.ok(program, place, ['check', '--read-data']);
      const listed = stage.ok(program, place, ['ls', '--json', 'latest']);
      for (const name of hostileNames)
        assert.ok(listed.includes(JSON.stringify(`/databases/${name}`)), `${program} ${name}`);
      for (const [i, name] of hostileNames.entries()) {
        const target = join(stage.folder, `out-${program}-${i}`);
        // restic 0.14 prints only.
        const argv = ['dump', 'latest', `/databases/${name}`];
        if (program === 'old') continue;
        stage.ok(program, place, [...argv, '--target', target]);
        assert.ok(readFileSync(target).equals(contents[i] as Buffer), `${program} ${name}`);
      }
      assert.equal(stage.ok(program, place, ['dump', 'latest', '/.coffre/about']), 'all is well');
      assert.equal(stage.ok(program, place, ['dump', 'latest', `${site}/index.html`]), '<h1>shop</h1>');
    }
  });
});

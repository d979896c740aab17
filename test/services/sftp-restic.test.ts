/** One repository on an SFTP server, for Coffre and restic in turns. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { openBackend, parseLocation } from '@coffre/repository';
import { findRestic, skipWithout } from '../peers.ts';
import { skipWithoutService } from './programs.ts';
import { startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';
import { quicken } from '../quick-key.ts';
import { launcher as coffre } from '../program.ts';

const restic = findRestic('newest');

describe(
  'a repository on an SFTP server',
  { skip: skipWithoutService('sshd') || skipWithout(restic, 'restic') },
  () => {
    let sshd: Sshd;
    before(async () => {
      sshd = await startSshd();
      mkdirSync(join(sshd.folder, 'source', 'sub'), { recursive: true });
      writeFileSync(join(sshd.folder, 'source', 'sub', 'file'), 'content '.repeat(100_000));
    });
    after(async () => sshd?.[Symbol.asyncDispose]());

    /** restic runs ssh, which reads no HOME: all it needs is on its command line. */
    function sshCommand(): string {
      const folder = join(sshd.home, '.ssh');
      const flags = `-F /dev/null -o UserKnownHostsFile=${join(folder, 'known_hosts')} -o IdentitiesOnly=yes`;
      return `ssh ${flags} -p ${sshd.port} -i ${join(folder, 'id_ed25519')} ${sshd.user}@127.0.0.1 -s sftp`;
    }

    async function run(program: string, ...args: string[]): Promise<string> {
      const environment = {
        ...sshd.environment,
        RESTIC_PASSWORD: 'secret',
        RESTIC_CACHE_DIR: join(sshd.folder, 'cache'),
      };
      const { stdout } = await promisify(execFile)(program, args, { env: environment, maxBuffer: 1e8 });
      return stdout;
    }

    const repository = (): string => `sftp://${sshd.user}@127.0.0.1:${sshd.port}/${join(sshd.folder, 'repository')}`;
    const byCoffre = (...args: string[]): Promise<string> => run(coffre, '-r', repository(), ...args);
    const byRestic = (...args: string[]): Promise<string> =>
      run(restic?.path ?? '', '-o', `sftp.command=${sshCommand()}`, '-r', repository(), ...args);

    test('is written and read by both, and both find it sound', async () => {
      const source = join(sshd.folder, 'source');
      await byCoffre('init');
      await quicken(join(sshd.folder, 'repository'), 'secret');
      await byCoffre('backup', source);
      await byRestic('check', '--read-data');
      writeFileSync(join(source, 'more'), 'more');
      await byRestic('backup', source);
      await byCoffre('check', '--read-data');
      await byCoffre('backup', source);
      await byRestic('check', '--read-data');
      for (const [name, restore] of [
        ['coffre', byCoffre],
        ['restic', byRestic],
      ] as const) {
        const target = join(sshd.folder, `out-${name}`);
        await restore('restore', 'latest', '--target', target);
        execFileSync('diff', ['-r', source, join(target, source)]);
      }
      const snapshots = JSON.parse(await byCoffre('snapshots', '--json')) as unknown[];
      assert.equal(snapshots.length, 3);
      assert.match(await byRestic('forget', '--keep-last', '1', '--prune'), /keep 1 snapshots/);
      await byCoffre('check', '--read-data');
      await byCoffre('forget', '--keep-last', '1');
      await byRestic('check', '--read-data');
    });

    test("is reached through the ssh of the system, with restic's own option", async () => {
      await byCoffre('-o', `sftp.command=${sshCommand()}`, 'snapshots');
      const wrong = sshCommand().replace('-s sftp', '-s nothing');
      await assert.rejects(byCoffre('-o', `sftp.command=${wrong}`, 'snapshots', '--json'), /status|subsystem/);
      await assert.rejects(byCoffre('-o', 'sftp.command=/no/such/program', 'snapshots'), /HOST_UNSUPPORTED/);
      const both = ['-o', `sftp.command=${wrong}`, '-o', 'sftp.args=-q'];
      await assert.rejects(byCoffre(...both, 'snapshots'), /exclude each other/);
    });

    test('is the same repository by its relative address', async () => {
      const backend = await openBackend(
        parseLocation(`sftp://${sshd.user}@127.0.0.1:${sshd.port}/../../../../../..${join(sshd.folder, 'repository')}`),
        {
          environment: sshd.environment,
        },
      );
      const config = readFileSync(join(sshd.folder, 'repository', 'config'));
      assert.deepEqual(await backend.load({ kind: 'config' }), config);
      await backend.close();
    });
  },
);

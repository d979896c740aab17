/** Access lists and capabilities, set and shown by the tools of the system, through coffre and restic both ways. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipWithout } from '../peers.ts';
import { skipWithoutService } from '../services/programs.ts';
import { createWorld, restic } from './cli-programs.ts';

const run = (program: string, ...argv: string[]): string => execFileSync(program, argv, { encoding: 'utf8' });

/** False where the file system of temporary folders knows no access lists. */
function writeGuarded(top: string): boolean {
  mkdirSync(join(top, 'shared'), { recursive: true });
  writeFileSync(join(top, 'letter'), 'dear reader');
  copyFileSync('/bin/true', join(top, 'server'));
  try {
    run('setfacl', '-m', 'u:4321:rw,g:4322:r,m::rw', join(top, 'letter'));
  } catch (error) {
    if (/not supported/i.test(String(error))) return false;
    throw error;
  }
  run('setfacl', '-m', 'u:4321:rwx', '-m', 'd:u:4321:rwx,d:g:4322:rx', join(top, 'shared'));
  writeFileSync(join(top, 'shared/inherits'), 'x');
  run('setcap', 'cap_net_bind_service,cap_net_raw+ep', join(top, 'server'));
  return true;
}

function guardsOf(top: string): string {
  const names = ['letter', 'shared', 'shared/inherits', 'server'].map((name) => join(top, name));
  const lists = run('getfacl', '--absolute-names', '--numeric', ...names);
  return `${lists}${run('getcap', join(top, 'server'))}`.replaceAll(top, '');
}

test(
  'access lists and capabilities come back, whoever saves and whoever restores',
  {
    skip: skipWithoutService('setfacl') || skipWithoutService('setcap') || skipWithout(restic, 'restic 0.19'),
  },
  async (t) => {
    using world = await createWorld();
    const source = join(world.folder, 'guarded');
    if (!writeGuarded(source)) return t.skip('the file system of temporary folders knows no access lists');
    const before = guardsOf(source);
    assert.match(before, /user:4321:rw-/);
    assert.match(before, /default:user:4321:rwx/);
    assert.match(before, /cap_net_bind_service,cap_net_raw=ep/);

    const programs = { coffre: world.coffre, restic: world.restic };
    for (const [saver, save] of Object.entries(programs)) {
      const saved = save(['backup', '--tag', saver, source]);
      assert.equal(saved.code, 0, saved.stderr);
      for (const [restorer, bringBack] of Object.entries(programs)) {
        const target = join(world.folder, `${saver}-${restorer}`);
        const restored = bringBack(['restore', `latest:${source}`, '--tag', saver, '--target', target]);
        assert.equal(restored.code, 0, restored.stderr);
        assert.equal(guardsOf(target), before, `saved by ${saver}, restored by ${restorer}`);
      }
    }
  },
);

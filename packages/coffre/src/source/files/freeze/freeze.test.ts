/** What can be said without the file systems: LVM and ZFS by stand-ins for their programs. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CoffreError } from '@coffre/repository';
import { contextIn } from '../../testing/saved.ts';
import { freeze, type FreezeKind } from './freeze.ts';
import { mountOf, mountsBelow, parseMounts, type Mount } from './mounts.ts';
import { isAbandoned, newSnapshotName } from './snapshot-name.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-freeze-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const log = join(folder, 'log');
const programs = join(folder, 'programs');
mkdirSync(programs);
/** Each writes down how it was called, and does what the script says. */
function standIn(name: string, script: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\necho "${name} $*" >> '${log}'\n${script}\n`);
  chmodSync(join(programs, name), 0o755);
}
const context = { ...contextIn(folder), searchPath: `${programs}:/usr/bin:/bin` };
const called = (): string[] => {
  const lines = readFileSync(log, 'utf8')
    .replaceAll(/coffre-\d+-[0-9a-f]{8}/g, 'NAME')
    .trim()
    .split('\n');
  writeFileSync(log, '');
  return lines;
};
const data = join(folder, 'data');
mkdirSync(join(data, 'sub'), { recursive: true });

async function frozenOnce(kind: FreezeKind, mount: Mount, during?: () => void): Promise<string[]> {
  await using frozen = await freeze(kind, [join(data, 'sub')], context, [mount]);
  during?.();
  await frozen.stillThere();
  return frozen.places.map(({ readFrom }) => readFrom.replaceAll(/coffre-\d+-[0-9a-f]{8}/g, 'NAME'));
}

test('zfs: a snapshot before, none after, and those of dead processes are removed; a stranger’s stays', async () => {
  const dead = 'coffre-999999999-00000000';
  standIn(
    'zfs',
    `case "$1" in
       list) printf 'tank/data@${dead}\\ntank/data@daily\\ntank/data@coffre-${process.ppid}-00000000\\n';;
       snapshot) mkdir -p "${data}/.zfs/snapshot/\${2#*@}/sub";;
     esac`,
  );
  const mount: Mount = { point: data, type: 'zfs', source: 'tank/data', root: '/' };
  assert.deepEqual(await frozenOnce('zfs', mount), [`${data}/.zfs/snapshot/NAME/sub`]);
  assert.deepEqual(called(), [
    'zfs list -H -t snapshot -o name -d 1 tank/data',
    'zfs destroy tank/data@NAME',
    'zfs snapshot tank/data@NAME',
    'zfs destroy tank/data@NAME',
  ]);
  standIn('zfs', '[ "$1" = snapshot ] && { echo no room >&2; exit 1; }; true');
  await assert.rejects(frozenOnce('zfs', mount), /no room/);
  assert.equal(called().at(-1), 'zfs destroy tank/data@NAME');
});

test('lvm: made, mounted read-only, unmounted and removed; one that ran out of room fails the backup', async () => {
  const attributes = join(folder, 'attributes');
  writeFileSync(attributes, 'swi-aos---');
  standIn(
    'lvs',
    `case "$*" in
       *lv_attr*) cat '${attributes}';;
       *segtype*) echo '  vg0|data|linear';;
       *) echo '  data'; echo '  coffre-999999999-00000000';;
     esac`,
  );
  standIn('mount', 'for last; do :; done; mkdir "$last/sub"');
  standIn('umount', 'for last; do :; done; rmdir "$last/sub" 2>/dev/null; true');
  standIn('lvcreate', '');
  standIn('lvremove', '');
  const mount: Mount = { point: data, type: 'xfs', source: '/dev/mapper/vg0-data', root: '/' };
  const [place] = await frozenOnce('lvm', mount);
  assert.match(place ?? '', /coffre-dump-.*\/sub$/);
  const made = called().map((line) => line.replace(/\/\S*coffre-dump-\S+/, 'FOLDER'));
  assert.deepEqual(made.slice(2), [
    'umount /dev/vg0/NAME',
    'lvremove -f vg0/NAME',
    'lvcreate --snapshot -l 10%ORIGIN --name NAME vg0/data',
    'mount -t xfs -o ro,norecovery,nouuid /dev/vg0/NAME FOLDER',
    'lvs --noheadings -o lv_attr vg0/NAME',
    'umount FOLDER',
    'lvremove -f vg0/NAME',
  ]);
  const lost = frozenOnce('lvm', mount, () => writeFileSync(attributes, 'swi-Ios---'));
  await assert.rejects(lost, /had no room for all that was written/);
  assert.equal(called().at(-1), 'lvremove -f vg0/NAME');
});

test('another file system than was said is refused, and a program that is not there is named', async () => {
  const mount: Mount = { point: data, type: 'ext4', source: '/dev/sda1', root: '/' };
  await assert.rejects(freeze('btrfs', [data], context, [mount]), (error) => {
    assert.ok(error instanceof CoffreError);
    assert.equal(error.code, 'SOURCE_REFUSED');
    assert.match(error.message, /which is on ext4/);
    return true;
  });
  rmSync(join(programs, 'zfs'), { force: true });
  await assert.rejects(freeze('zfs', [data], context, [{ ...mount, type: 'zfs' }]), /zfs is not installed/);
});

test('mounts are read as the kernel writes them; the last and deepest one decides', () => {
  const mounts = parseMounts(
    [
      '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
      '30 22 0:39 /sub /srv/a\\040b rw shared:1 master:2 - btrfs /dev/sdb rw,subvol=/sub',
      '31 30 0:40 / /srv/a\\040b/tmp rw - tmpfs none rw',
      '32 22 0:41 / /srv/a\\040b rw - xfs /dev/sdc rw',
      'nonsense',
      '',
    ].join('\n'),
  );
  assert.equal(mountOf(mounts, '/srv/a b/x')?.type, 'xfs');
  assert.equal(mountOf(mounts, '/srv/a')?.type, 'ext4');
  assert.equal(mounts[1]?.root, '/sub');
  assert.deepEqual(
    mountsBelow(mounts, '/srv/a b').map(({ type }) => type),
    ['tmpfs'],
  );
});

test('a snapshot is abandoned when its process is gone and its name is one of ours', () => {
  assert.equal(isAbandoned(newSnapshotName()), false);
  assert.equal(isAbandoned('coffre-999999999-0011aaff'), true);
  assert.equal(isAbandoned('daily-999999999-0011aaff'), false);
});

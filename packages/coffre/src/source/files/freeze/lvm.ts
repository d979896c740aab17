/**
 * LVM: a snapshot of the logical volume that is mounted over the path, itself mounted read-only in a private folder. A thick
 * one has room for as many changes as it was made with; when they are more it is lost, and so is the backup. Tried with a
 * stand-in only.
 */
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { createPrivateFolder } from '../../../platform/private-folder.ts';
import type { SourceContext } from '../../source.ts';
import type { FreezeRequest, TakenSnapshot } from './freeze.ts';
import { isAbandoned, newSnapshotName } from './snapshot-name.ts';
import { runTool, runToolToTheEnd } from './tool.ts';

/** Of the size of the volume, for what is written meanwhile. */
const changesPercent = 10;

export async function takeLvm({ mount, context }: FreezeRequest): Promise<TakenSnapshot> {
  const origin = await volumeAt(mount.source, context);
  await sweep(origin.group, context);
  const name = newSnapshotName();
  const path = `/dev/${origin.group}/${name}`;
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(createPrivateFolder(context.temporaryFolder, 0));
  const room = origin.isThin ? ['-kn'] : ['-l', `${changesPercent}%ORIGIN`];
  const whole = `${origin.group}/${name}`;
  opened.defer(async () => await runToolToTheEnd(context, 'lvremove', '-f', whole));
  await runTool(context, 'lvcreate', '--snapshot', ...room, '--name', name, `${origin.group}/${origin.volume}`);
  // XFS refuses to mount a second file system of the same number.
  const options = mount.type === 'xfs' ? 'ro,norecovery,nouuid' : 'ro';
  opened.defer(async () => await runToolToTheEnd(context, 'umount', folder.path));
  await runTool(context, 'mount', '-t', mount.type, '-o', options, path, folder.path);
  const closing = opened.move();
  return {
    places: [{ path: mount.point, readFrom: mount.root === '/' ? folder.path : join(folder.path, mount.root) }],
    stillThere: async () => await requireValid(whole, context),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

type Volume = { readonly group: string; readonly volume: string; readonly isThin: boolean };

async function volumeAt(device: string, context: SourceContext): Promise<Volume> {
  const line = await runTool(
    context,
    'lvs',
    '--noheadings',
    '--separator',
    '|',
    '-o',
    'vg_name,lv_name,segtype',
    device,
  );
  const [group = '', volume = '', type = ''] = line.trim().split('|');
  if (group !== '' && volume !== '') return { group, volume, isThin: type === 'thin' };
  throw new CoffreError('SOURCE_REFUSED', `${device} is no logical volume`, {
    hint: 'Nothing was saved. Leave `freeze` out, or name the kind of the file system.',
  });
}

async function sweep(group: string, context: SourceContext): Promise<void> {
  const listed = await runTool(context, 'lvs', '--noheadings', '-o', 'lv_name', group);
  for (const name of listed.split('\n').map((line) => line.trim())) {
    if (!isAbandoned(name)) continue;
    await runTool(context, 'umount', `/dev/${group}/${name}`).catch(() => undefined);
    await runToolToTheEnd(context, 'lvremove', '-f', `${group}/${name}`);
  }
}

/** The fifth letter is an I for a snapshot that ran out of room. */
async function requireValid(whole: string, context: SourceContext): Promise<void> {
  const attributes = (await runTool(context, 'lvs', '--noheadings', '-o', 'lv_attr', whole)).trim();
  if (attributes[4]?.toUpperCase() !== 'I') return;
  throw new CoffreError('SOURCE_INVALID', `the snapshot ${whole} had no room for all that was written meanwhile`, {
    hint: `Nothing was saved. Run it when less is written, or make room in the group: it takes ${changesPercent}% of the volume.`,
  });
}

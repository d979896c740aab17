/** ZFS: a snapshot of the dataset that holds the path, read below `.zfs/snapshot`. Tried with a stand-in only. */
import { join } from 'node:path';
import type { FreezeRequest, TakenSnapshot } from './freeze.ts';
import { isAbandoned, newSnapshotName } from './snapshot-name.ts';
import { runTool, runToolToTheEnd } from './tool.ts';

export async function takeZfs({ mount, context }: FreezeRequest): Promise<TakenSnapshot> {
  const dataset = mount.source;
  const listed = await runTool(context, 'zfs', 'list', '-H', '-t', 'snapshot', '-o', 'name', '-d', '1', dataset);
  for (const line of listed.split('\n')) {
    const at = line.indexOf('@');
    if (at > 0 && isAbandoned(line.slice(at + 1).trim())) await runToolToTheEnd(context, 'zfs', 'destroy', line.trim());
  }
  const name = newSnapshotName();
  await using opened = new AsyncDisposableStack();
  opened.defer(async () => await runToolToTheEnd(context, 'zfs', 'destroy', `${dataset}@${name}`));
  await runTool(context, 'zfs', 'snapshot', `${dataset}@${name}`);
  const closing = opened.move();
  return {
    places: [{ path: mount.point, readFrom: join(mount.point, '.zfs', 'snapshot', name) }],
    stillThere: async () => undefined,
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

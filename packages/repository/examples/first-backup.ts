/** The whole way of a backup, once: `node first-backup.ts FOLDER REPOSITORY TARGET`, with RESTIC_PASSWORD set. */
import { resolve } from 'node:path';
import {
  acquireLock,
  backup,
  check,
  createFiles,
  initRepository,
  messageOf,
  openBackend,
  openRepository,
  parseLocation,
  planForget,
  restore,
  shortId,
  systemClock,
  systemIdentity,
  systemRandom,
  toByteString,
  toText,
  type Host,
} from '@coffre/repository';

const [folder = '', place = '', target = ''] = process.argv.slice(2).map((path) => resolve(path));
const password = process.env['RESTIC_PASSWORD'] ?? '';

// Everything outside that the library touches. Tests hand in a clock, randomness or files of their own.
const host: Host = {
  clock: systemClock(),
  random: systemRandom(),
  identity: systemIdentity(),
  files: createFiles(),
  warn: ({ about, error }) => console.error(`warning: ${about}: ${messageOf(error)}`),
};
const openStorage = () => openBackend(parseLocation(place), { random: host.random });

// Once: make the repository. Without the password nobody will ever read it again.
{
  await using made = await initRepository({ backend: await openStorage(), host, password });
  console.log(`made repository ${made.config.id.slice(0, 8)}`);
}

// Every other time: open it.
await using repository = await openRepository({ backend: await openStorage(), host, password });

// Back up. The lock tells other programs, restic too, that somebody writes.
{
  await using lock = await acquireLock(repository, { exclusive: false, retryMs: 60_000 });
  const { snapshotId, summary } = await backup(await repository.loadIndex(), {
    paths: [toByteString(folder)],
    workingFolder: toByteString(process.cwd()),
    tags: ['first'],
    report: (event) => {
      if (event.kind === 'error') console.error(`not saved: ${toText(event.path)}: ${messageOf(event.error)}`);
    },
    signal: lock.signal,
  });
  console.log(`saved ${summary.total_files_processed} files as ${snapshotId}`);
}

// List the snapshots.
const snapshots = await repository.listSnapshots();
for (const { id, snapshot } of snapshots) console.log(shortId(id), snapshot.time, snapshot.paths.join(' '));

// Restore the first of them; the tree has the whole path, so only what is below the folder is asked for.
const [saved] = snapshots;
if (saved === undefined) throw new Error('nothing was saved');
const { counters } = await restore(await repository.loadIndex(), {
  tree: saved.snapshot.tree,
  subPath: toByteString(saved.snapshot.paths[0] ?? '/'),
  target: toByteString(target),
  verify: true,
});
console.log(`restored ${counters.bytesRestored} bytes, ${counters.filesVerified} files read again and compared`);

// Check that everything can be read, then remove what the policy does not keep.
{
  await using lock = await acquireLock(repository, { exclusive: true, retryMs: 60_000 });
  const result = await check(repository, { readData: { kind: 'all' } }, (event) => {
    lock.signal.throwIfAborted();
    if (event.kind === 'finding') console.error(event.finding.message);
  });
  console.log(`checked ${result.packsRead} packs: ${result.errors} errors`);

  const policy = { daily: 7, weekly: 5, monthly: 12 };
  const plan = planForget(await repository.listSnapshots(), policy, { nowNs: host.clock.nowNs() });
  for (const { id } of plan.remove) await repository.remove('snapshots', id);
  console.log(`forgot ${plan.remove.length} snapshots`);
}

/** A backup by its name, wherever it is. */
import { CoffreError } from '@coffre/repository';
import { answeringTo, backupsOf } from '../named/backups.ts';
import type { Backup } from '../named/backups.ts';
import type { Meant, MeantRepository } from './meant-repositories.ts';
import { holdLock } from './session.ts';
import type { Session } from './session.ts';
import type { Cli } from './cli.ts';

export type FoundBackup = { readonly backup: Backup; readonly repository: MeantRepository };

/** In every repository that has it: copies are called like what they were copied from. @throws {CoffreError} SNAPSHOT_NOT_FOUND, USAGE */
export async function findBackups({ repositories, zone }: Meant, name: string): Promise<FoundBackup[]> {
  const found: FoundBackup[] = [];
  for (const repository of repositories) {
    await using session = await repository.open('read');
    const all = backupsOf(await session.repository.listSnapshots(), zone);
    const backup = onlyOne(answeringTo(all, name), name, repository.name);
    if (backup !== undefined) found.push({ backup, repository });
  }
  if (found.length > 0) return found;
  throw new CoffreError('SNAPSHOT_NOT_FOUND', `no backup is called ${JSON.stringify(name)}`, {
    hint: '`coffre backup list` shows their names.',
  });
}

function onlyOne(backups: readonly Backup[], name: string, repository: string): Backup | undefined {
  if (backups.length <= 1) return backups[0];
  const plans = backups.map(({ plan }) => plan ?? 'no plan').join(', ');
  throw new CoffreError(
    'USAGE',
    `${backups.length} backups in ${repository} are called ${JSON.stringify(name)}: of ${plans}`,
    { hint: 'Name the snapshots by id: `coffre backup list --json` shows them, `coffre tag` and `forget` take them.' },
  );
}

/** Under the exclusive lock, and as it is then. */
export async function changingBackup<T>(
  cli: Cli,
  { repository, backup }: FoundBackup,
  { zone }: Meant,
  work: (session: Session, backup: Backup) => Promise<T>,
): Promise<T> {
  await using session = await repository.open('none');
  session.repository.backend.refuseShrunkenLists?.();
  await using lock = await holdLock(cli, session, 'exclusive');
  lock.signal.throwIfAborted();
  const now = backupsOf(await session.repository.listSnapshots(), zone);
  const same = onlyOne(answeringTo(now, backup.name), backup.name, repository.name);
  if (same === undefined) {
    throw new CoffreError('REPO_CHANGED', `${backup.name} was removed from ${repository.name} meanwhile`, {
      hint: '`coffre backup list` shows what is there now.',
    });
  }
  // Each is there again as one of those that stay.
  for (const { id } of same.leftovers) await session.repository.remove('snapshots', id);
  return await work(session, same);
}

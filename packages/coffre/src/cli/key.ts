import { addKey, changePassword, listKeys, removeKey, rotateKey, shortId } from '@coffre/repository';
import type { KeyInfo, NewKey } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { quoteName } from './output/display.ts';
import { formatLocalTime } from './output/local-time.ts';
import { tableLines } from './output/table.ts';
import { emptyPasswordRefused } from './password.ts';
import { askNewPassword } from './repository-access.ts';
import { openSession } from './session.ts';
import { readTextFile, trimSpace } from './text-file.ts';
import { usage } from './values.ts';

export function defineKey(command: Command, cli: Cli): void {
  command
    .command('list')
    .description('List the keys, each of which has a password')
    .action(async () => await listAll(cli));
  addNewKeyOptions(command.command('add').description('Add a password')).action(async (options) => {
    await using session = await openSession(cli, 'shared');
    const id = await addKey(session.repository, await newKey(cli, options));
    session.printer.plain().normal(`saved new key with ID ${id}`);
  });
  addNewKeyOptions(command.command('passwd').description('Change the password used now')).action(async (options) => {
    await using session = await openSession(cli, 'exclusive');
    const { repository, printer } = session;
    const key = await newKey(cli, options);
    const { keyId } = await audited(
      { cli, repository, printer },
      {
        action: 'key passwd',
        shown: { remove: repository.keyId },
        work: () => changePassword(repository, key),
        done: (switched) => ({ added: switched.keyId, removed: [repository.keyId] }),
      },
    );
    session.printer.plain().normal(`saved new key as ${keyId}`);
  });
  addNewKeyOptions(
    command.command('rotate').description('Set a new password, prove that it opens the repository, remove the old one'),
  )
    .option('--keep-old', 'the old password works too')
    .option('--remove-all-others', 'no other password works any more')
    .action(async (options) => await rotate(cli, options));
  command
    .command('kit')
    .description('Write a sheet to print, which opens the repository when everything else is gone')
    .option('--output <file>', 'where to (default: coffre-recovery-ID.txt here; - prints it)')
    .option('--format <format>', 'text or html (default: html for a file that ends in .html)')
    .action(async (options) => await (await import('./key-kit.ts')).runKeyKit(cli, options));
  command
    .command('remove')
    .description('Remove a password')
    .argument('[id...]', 'of the key, or its beginning')
    .action(async ([id, ...more]) => {
      if (id === undefined || more.length > 0) throw usage('key remove expects one argument as the key id');
      await using session = await openSession(cli, 'exclusive');
      const { repository, printer } = session;
      const removed = await audited(
        { cli, repository, printer },
        {
          action: 'key remove',
          shown: { remove: id },
          work: () => removeKey(repository, id),
          done: (key) => ({ removed: [key] }),
        },
      );
      printer.plain().normal(`removed key ${removed}`);
    });
}

function addNewKeyOptions<Args extends unknown[], Options, Globals>(
  command: Command<Args, Options & {}, Globals & {}>,
) {
  return command
    .option('--new-password-file <file>', 'file with the new password')
    .option('--new-insecure-no-password', 'the new password is empty')
    .option('--user <name>', 'user of the new key')
    .option('--host <name>', 'host of the new key');
}

type NewKeyOptions = {
  readonly newPasswordFile?: string | undefined;
  readonly newInsecureNoPassword?: true | undefined;
  readonly user?: string | undefined;
  readonly host?: string | undefined;
};

async function newKey(cli: Cli, options: NewKeyOptions): Promise<NewKey> {
  return {
    password: await newPassword(cli, options),
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(options.host === undefined ? {} : { hostname: options.host }),
  };
}

async function newPassword(
  cli: Cli,
  { newPasswordFile: file, newInsecureNoPassword: none }: NewKeyOptions,
): Promise<string> {
  if (none === true) {
    if (file !== undefined)
      throw usage('only either --new-password-file or --new-insecure-no-password may be specified');
    return '';
  }
  if (file === undefined) return await askNewPassword(cli, 'enter new password: ', '--new-insecure-no-password');
  const password = trimSpace(readTextFile(file));
  if (password === '') throw emptyPasswordRefused('--new-insecure-no-password');
  return password;
}

async function rotate(
  cli: Cli,
  options: NewKeyOptions & { readonly keepOld?: true | undefined; readonly removeAllOthers?: true | undefined },
): Promise<void> {
  const { keepOld = false, removeAllOthers = false } = options;
  if (keepOld && removeAllOthers) throw usage('--keep-old and --remove-all-others exclude each other');
  await using session = await openSession(cli, 'exclusive');
  const { printer } = session;
  const wish = { ...(await newKey(cli, options)), keepOld, removeAllOthers };
  const rotation = await audited(
    { cli, repository: session.repository, printer },
    {
      action: 'key rotate',
      shown: { current: session.repository.keyId, keepOld, removeAllOthers },
      work: () => rotateKey(session.repository, wish),
      done: (rotated) => ({ added: rotated.repository.keyId, removed: [...rotated.removed] }),
    },
  );
  const { repository, removed, remaining } = rotation;
  if (printer.json) {
    printer.message({ message_type: 'key_rotated', id: repository.keyId, removed, remaining: remaining.map(keyJson) });
    return;
  }
  printer.normal(`saved new key as ${repository.keyId}, and the repository opens with the new password`);
  for (const id of removed) printer.normal(`removed key ${id}`);
  for (const { id, username, hostname } of remaining) {
    printer.normal(`key ${shortId(id)} of ${quoteName(`${username}@${hostname}`)} still opens the repository`);
  }
  for (const line of rotationLimits) printer.normal(line);
}

const rotationLimits = [
  'All keys wrap the same master key: who knew the old password and kept a copy of a key file can still read this repository.',
  'Only a copy into a new one has a new master key: `coffre init`, then `coffre copy`.',
];

function createdText(text: string): string {
  return text === '' ? '' : formatLocalTime(new Date(text));
}

function keyJson({ id, username, hostname, created }: KeyInfo): Record<string, unknown> {
  return { id, userName: username, hostName: hostname, created: createdText(created) };
}

async function listAll(cli: Cli): Promise<void> {
  await using session = await openSession(cli, 'read', { besideLock: true });
  const { repository, printer } = session;
  const keys = await session.reading(() => listKeys(repository));
  if (printer.json) {
    printer.message(keys.map((key) => ({ current: key.isCurrent, ...keyJson(key) })));
    return;
  }
  const lines = tableLines({
    columns: [' ID', 'User', 'Host', 'Created'],
    rows: keys.map(({ isCurrent, id, username, hostname, created }) => [
      `${isCurrent ? '*' : ' '}${shortId(id)}`,
      quoteName(username),
      quoteName(hostname),
      createdText(created),
    ]),
  });
  for (const line of lines) printer.always(line);
}

import { addKey, changePassword, listKeys, removeKey, shortId } from '@coffre/repository';
import type { NewKey } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
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
    const { keyId } = await changePassword(session.repository, await newKey(cli, options));
    session.printer.plain().normal(`saved new key as ${keyId}`);
  });
  command
    .command('remove')
    .description('Remove a password')
    .argument('[id...]', 'of the key, or its beginning')
    .action(async ([id, ...more]) => {
      if (id === undefined || more.length > 0) throw usage('key remove expects one argument as the key id');
      await using session = await openSession(cli, 'exclusive');
      session.printer.plain().normal(`removed key ${await removeKey(session.repository, id)}`);
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

async function listAll(cli: Cli): Promise<void> {
  await using session = await openSession(cli, 'read', { besideLock: true });
  const { repository, printer } = session;
  const keys = await session.reading(() => listKeys(repository));
  const createdText = (text: string): string => (text === '' ? '' : formatLocalTime(new Date(text)));
  if (printer.json) {
    printer.message(
      keys.map(({ isCurrent, id, username, hostname, created }) => ({
        current: isCurrent,
        id,
        userName: username,
        hostName: hostname,
        created: createdText(created),
      })),
    );
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

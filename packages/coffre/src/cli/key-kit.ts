/** `coffre key kit`: the sheet of paper that opens the repository when everything else is gone. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { describeLocation, loadKeyFile, parseLocation } from '@coffre/repository';
import type { Location } from '@coffre/repository';
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import { formatLocalTime } from './output/local-time.ts';
import { sheetHtml } from './output/recovery-sheet-html.ts';
import { quoteWord, sheetText } from './output/recovery-sheet.ts';
import type { RecoverySheet } from './output/recovery-sheet.ts';
import { openAccess } from './repository-access.ts';
import { parseChoice, usage } from './values.ts';

export type KitOptions = { readonly output?: string | undefined; readonly format?: string | undefined };

const formats = ['text', 'html'] as const;
type Format = (typeof formats)[number];

export async function runKeyKit(cli: Cli, options: KitOptions): Promise<void> {
  const printer = cli.printer();
  const toScreen = options.output === '-';
  if (toScreen && printer.json) throw usage('--output - prints the sheet itself, which is not JSON');
  const format = formatOf(options);
  const { sheet, shortRepository } = await readSheet(cli);
  const text =
    format === 'html' ? sheetHtml(sheet) : sheetText(sheet, { coloured: toScreen && cli.terminal.outputIsTerminal });
  if (toScreen) return printer.always(text.trimEnd());
  const path = resolve(options.output ?? `coffre-recovery-${shortRepository}.${format === 'html' ? 'html' : 'txt'}`);
  writeSecret(path, text);
  if (printer.json) {
    printer.message({
      message_type: 'recovery_kit',
      path,
      format,
      repository_id: sheet.repositoryId,
      key_id: sheet.key.id,
    });
    return;
  }
  printer.normal(`the password opens the repository; the recovery sheet is in ${path}`);
  printer.normal(`print it and delete the file, which holds the password: rm ${quoteWord(path)}`);
}

function formatOf({ output = '', format }: KitOptions): Format {
  if (format !== undefined) return parseChoice(format, '--format', formats);
  return /\.html?$/i.test(output) ? 'html' : 'text';
}

/** Opening proves the password: a sheet with a wrong one would be worse than none. */
async function readSheet(cli: Cli): Promise<{ sheet: RecoverySheet; shortRepository: string }> {
  const globals = cli.globals();
  const location = repositoryLocation(globals);
  const { password, keyHint } = globals;
  const opened = await (cli.takeOpening() ?? openAccess(cli, { location, password, keyHint }, cli.printer()));
  await using repository = opened.repository;
  if (opened.password === '') {
    throw usage(
      'the repository has no password, so there is nothing to keep on paper',
      'Set one with `coffre key rotate`.',
    );
  }
  const { keyId, backend, config, host } = repository;
  const { created = '', username = '', hostname: keyHost = '' } = await loadKeyFile(backend, keyId);
  const place = parseLocation(location);
  const sheet: RecoverySheet = {
    address: place.kind === 'local' ? resolve(place.path) : withoutLogin(location),
    repositoryId: config.id,
    key: {
      id: keyId,
      created: created === '' ? 'at an unknown time' : formatLocalTime(new Date(created)),
      owner: `${username}@${keyHost}`,
    },
    password: opened.password,
    madeAt: formatLocalTime(new Date(Number(host.clock.nowNs() / 1_000_000n))),
    madeOn: hostname(),
    access: accessOf(place),
  };
  return { sheet, shortRepository: config.id.slice(0, 8) };
}

/** A login in the address would hinder the one that is given beside it. */
function withoutLogin(location: string): string {
  return describeLocation(location).replace(/:\/\/[^@]*:\*\*\*@/, '://');
}

function accessOf(place: Location): string | undefined {
  switch (place.kind) {
    case 'local':
      return undefined;
    case 's3':
      return 'The storage also wants its access key (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), which is not on this sheet.';
    case 'sftp':
      return 'The server also wants an SSH key or a login, which is not on this sheet.';
    case 'rest':
      return place.login === undefined
        ? 'The server may also want a login or a certificate, which is not on this sheet.'
        : `The server also wants a login: set RESTIC_REST_USERNAME=${quoteWord(place.login.username)} and RESTIC_REST_PASSWORD, which is not on this sheet.`;
    case 'rclone':
      return 'rclone also wants its configuration file (rclone.conf), which is not on this sheet.';
    default:
      return place satisfies never;
  }
}

/** For the owner's eyes only, and never over something that is there. */
function writeSecret(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    throw writeError(path, error);
  }
  try {
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw writeError(path, error);
  }
}

function writeError(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  if (error.code === 'EEXIST') return usage(`${path} is there already`, 'Choose another file with --output.');
  return usage(`${path} cannot be written: ${String(error.code)}`, 'Choose another file with --output.');
}

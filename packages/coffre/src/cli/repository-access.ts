/** From an address and a password to an open repository, with restic's sentences where programs look for them. */
import { isCoffreError, messageOf } from '@coffre/repository/opening';
import type { Backend, Host, LimitOptions, Repository } from '@coffre/repository';
import { openAt, reachRoute, requireConfig } from '../access/open-at.ts';
import type { Route } from '../access/open-at.ts';
import { systemHost } from '../access/system-host.ts';
import type { Cli } from './cli.ts';
import type { GlobalOptions } from './global-options.ts';
import type { Printer } from './output/printer.ts';
import { formatGoDuration } from './output/format.ts';
import { emptyPasswordRefused, givenPassword } from './password.ts';
import type { PasswordSource } from './password.ts';
import { askHidden, readFirstLine } from './prompt.ts';
import { usage } from './values.ts';

export type Access = {
  readonly location: string;
  readonly password: PasswordSource;
  readonly keyHint: string | undefined;
  /** Asked where no password was given. */
  readonly question?: string;
  /** What is written is forgotten. */
  readonly dryRun?: boolean;
  /** The storage itself answers, never the copies on this machine. */
  readonly uncached?: boolean;
  /** Called when the key is being derived: half a second for other work. */
  readonly deriving?: () => void;
};

export type Opened = {
  readonly repository: Repository;
  /** The one that opened it. */
  readonly password: string;
  /** Of the derivation that fitted. */
  readonly keyMs: number;
};

const passwordTriesMax = 3;

export function createHost(printer: Printer): Host {
  return systemHost(({ about, error }) => printer.error(`Warning: ${about}: ${messageOf(error)}`));
}

/** The storage behind an address; nothing is read yet. @throws {CoffreError} BACKEND_URL, NOT_BUILT_YET */
export async function openStorage(cli: Cli, location: string, host: Host, printer: Printer): Promise<Backend> {
  return await reachRoute(routeTo(cli, location, printer), host);
}

function routeTo(cli: Cli, location: string, printer: Printer, uncached = false): Route {
  const globals = cli.globals();
  return {
    location,
    storage: globals.storage,
    limits: limitsOf(globals),
    cache: globals,
    uncached,
    acceptShrunkenLists: globals.forceList,
    environment: cli.environment,
    warn: (sentence) => printer.error(`Warning: ${sentence}`),
    retrying: ({ about, delayMs, error }) =>
      printer.error(`${about} returned error, retrying after ${formatGoDuration(delayMs)}: ${error.message}`),
  };
}

function limitsOf({ limitUploadKib, limitDownloadKib, limitSchedule }: GlobalOptions): LimitOptions | undefined {
  if (limitUploadKib === undefined && limitDownloadKib === undefined && limitSchedule === undefined) return undefined;
  return {
    ...(limitUploadKib === undefined ? {} : { up: limitUploadKib * 1024 }),
    ...(limitDownloadKib === undefined ? {} : { down: limitDownloadKib * 1024 }),
    ...(limitSchedule === undefined ? {} : { schedule: limitSchedule }),
  };
}

/** Opens with the password given, or asks a person (three times), or takes the first line of stdin. */
export async function openAccess(cli: Cli, access: Access, printer: Printer): Promise<Opened> {
  const given = givenPassword(access.password);
  const host = createHost(printer);
  const route = routeTo(cli, access.location, printer, access.uncached === true);
  const storage = await reachRoute(route, host);
  try {
    await requireConfig(storage, access.location);
    const open = async (password: string): Promise<Opened> => {
      let derivingMs = host.clock.monotonicMs();
      const deriving = (): void => {
        derivingMs = host.clock.monotonicMs();
        access.deriving?.();
      };
      const { keyHint } = access;
      const repository = await openAt(route, storage, host, {
        password,
        keyHint,
        dryRun: access.dryRun === true,
        deriving,
      });
      return { repository, password, keyMs: host.clock.monotonicMs() - derivingMs };
    };
    const { question = 'enter password for repository: ' } = access;
    return given === undefined ? await openAsking(cli, question, open, printer) : await open(given);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function openAsking(
  cli: Cli,
  question: string,
  open: (password: string) => Promise<Opened>,
  printer: Printer,
): Promise<Opened> {
  const tries = cli.terminal.inputIsTerminal ? passwordTriesMax : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(await askPassword(cli, question));
    } catch (error) {
      const canRepeat = isCoffreError(error, 'REPO_PASSWORD_WRONG') || isCoffreError(error, 'REPO_PASSWORD_MISSING');
      if (!canRepeat || attempt >= tries) throw error;
      printer.error(`${messageOf(error)}. Try again`);
    }
  }
}

/** @throws {CoffreError} REPO_PASSWORD_MISSING when nothing was typed */
export async function askPassword(cli: Cli, question: string, option?: string): Promise<string> {
  const password = cli.terminal.inputIsTerminal
    ? await askHidden(cli.stdin, cli.stderr, question, cli.signal)
    : await readFirstLine(cli.stdin);
  if (password === '') throw emptyPasswordRefused(option);
  return password;
}

/** Twice where a person types, so that a slip does not lock everybody out. */
export async function askNewPassword(cli: Cli, question: string, option?: string): Promise<string> {
  const first = await askPassword(cli, question, option);
  if (cli.terminal.inputIsTerminal && (await askPassword(cli, 'enter password again: ', option)) !== first) {
    throw usage('passwords do not match');
  }
  return first;
}

import {
  check,
  CoffreError,
  describeLocation,
  isCoffreError,
  recoverConfig,
  upgradeRepository,
} from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import { CheckReport } from './check-report.ts';
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import type { Printer } from './output/printer.ts';
import { givenPassword } from './password.ts';
import { askPassword, createHost, openStorage } from './repository-access.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';

type Migration = {
  readonly name: string;
  readonly description: string;
  /** Why it cannot be applied; undefined when it can. */
  readonly obstacle: (session: Session) => string | undefined;
  readonly apply: (session: Session) => Promise<unknown>;
};

const migrations: readonly Migration[] = [
  {
    name: 'upgrade_repo_v2',
    description: 'upgrade a repository to version 2',
    obstacle: ({ repository }) =>
      repository.config.version === 1 ? undefined : 'repository is already upgraded to version 2',
    apply: async ({ repository }) => await upgradeRepository(repository),
  },
];

export function defineMigrate(command: Command, cli: Cli): void {
  command
    .argument('[migration...]', 'what to apply; without a name the possible ones are listed')
    .option('-f, --force', 'apply a migration a second time')
    .action(async (names, options) => {
      const printer = cli.printer();
      await using session = await openRecovering(cli, printer);
      if (names.length === 0) listMigrations(session);
      else await applyAll(cli, session, names, options.force === true);
    });
}

function listMigrations(session: Session): void {
  const { printer } = session;
  const possible = migrations.filter(({ obstacle }) => obstacle(session) === undefined);
  if (printer.json) return printer.message(possible.map(({ name, description }) => ({ name, description })));
  printer.normal('available migrations:');
  for (const { name, description } of possible) printer.normal(`  ${name}\t${description}`);
  if (possible.length === 0) printer.normal('no migrations found');
  return undefined;
}

async function applyAll(cli: Cli, session: Session, names: readonly string[], force: boolean): Promise<void> {
  const { printer } = session;
  for (const name of names) {
    const migration = migrations.find((known) => known.name === name);
    if (migration === undefined) {
      printer.error(`unknown migration ${name}`);
      continue;
    }
    const obstacle = migration.obstacle(session);
    if (obstacle !== undefined && !force) {
      printer.error(
        `migration ${name} cannot be applied: ${obstacle}\nIf you want to apply this migration anyway, re-run with option --force`,
      );
      continue;
    }
    if (obstacle !== undefined) printer.error(`check for migration ${name} failed, continuing anyway`);
    printer.normal('checking repository integrity...');
    await checkFirst(session);
    printer.normal(`applying migration ${name}...`);
    await audited(
      { cli, repository: session.repository, printer },
      {
        action: 'migrate',
        shown: { migration: name },
        work: () => migration.apply(session),
        done: () => ({ version: 2 }),
      },
    );
    if (printer.json) printer.message({ message_type: 'migrated', name });
    else printer.normal(`migration ${name}: success`);
  }
}

/** @throws {CoffreError} REPO_CHECK_FAILED */
async function checkFirst({ repository, printer, signal }: Session): Promise<void> {
  using report = new CheckReport(printer, { readData: undefined, fullWithinMs: undefined }, false);
  const result = await check(repository, {}, (event) => {
    signal.throwIfAborted();
    report.onEvent(event);
  });
  report.finish(result);
  if (result.errors > 0) {
    throw new CoffreError('REPO_CHECK_FAILED', 'repository contains errors', {
      hint: 'Nothing was changed. The lines above say where; repair it first.',
    });
  }
  if (!printer.json) printer.normal('no errors were found');
}

/** An upgrade that was killed in the wrong moment left no config: it is put back, and the repository opens again. */
async function openRecovering(cli: Cli, printer: Printer): Promise<Session> {
  try {
    return await openSession(cli, 'exclusive');
  } catch (error) {
    if (!isCoffreError(error, 'REPO_NOT_FOUND') || !(await recover(cli, printer))) throw error;
  }
  printer.error('the config was missing: an interrupted upgrade to version 2 has been finished');
  return await openSession(cli, 'exclusive');
}

async function recover(cli: Cli, printer: Printer): Promise<boolean> {
  const globals = cli.globals();
  const location = repositoryLocation(globals);
  const host = createHost(printer);
  const backend = await openStorage(cli, location, host, printer);
  try {
    const keys = await Array.fromAsync(backend.list('keys'));
    if (keys.length === 0) return false;
    const password =
      givenPassword(globals.password) ?? (await askPassword(cli, `enter password for ${describeLocation(location)}: `));
    return await recoverConfig({
      backend,
      host,
      password,
      ...(globals.keyHint !== undefined && { keyHint: globals.keyHint }),
    });
  } finally {
    await backend.close();
  }
}

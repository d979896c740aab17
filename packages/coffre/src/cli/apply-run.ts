import { userInfo } from 'node:os';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { openState } from '../access/state.ts';
import { lookForRepositories, makeRepository } from '../access/missing-repositories.ts';
import type { RepositoryFinding } from '../access/missing-repositories.ts';
import { pathText } from '../config/mistake.ts';
import { readAppliedConfig, writeAppliedConfig } from '../store/applied-config.ts';
import { auditedAs } from './audited.ts';
import { confirmStep } from './backup-named.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { repositorySurroundings, requireConfigured } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { changesOf, countText, plainEffective, showChanges } from './plan-run.ts';

export type ApplyOptions = {
  readonly config?: string | undefined;
  readonly init?: true | undefined;
  readonly confirm?: true | undefined;
};

/** Shows, asks, makes what is missing, and only then is it written down that this configuration holds. */
export async function runApply(cli: Cli, options: ApplyOptions): Promise<void> {
  const configured = await requireConfigured(cli, options.config);
  const printer = cli.printer();
  const missing = await missingOf(cli, configured, options.init === true);
  const place = await placeOfState(cli, configured);
  await using state = await openState(place, (sentence) => printer.error(sentence));
  const applied = await readAppliedConfig(state);
  const changes = changesOf(configured, applied);
  if (!printer.json) showChanges(printer, changes, applied);
  for (const { repository } of missing) printer.normal(`+ a new repository for ${repository.name}`);
  if (changes.length + missing.length === 0) {
    // The daemon may have refused what stood here in between.
    const daemon = await tellDaemon(cli, place.folder);
    if (printer.json) printer.message({ schema: 'coffre.apply/1', changes: 0, made: [], daemon });
    return printer.normal('nothing to apply');
  }
  await confirmStep(cli, `${countText(changes)} shown above.`, options.confirm === true);
  const made = await auditedAs(
    { cli, printer, state: place },
    { configuration: configured.loaded.file },
    {
      action: 'config apply',
      shown: {
        files: [...configured.loaded.files],
        changes: changes.map(({ kind, path }) => `${kind} ${pathText(path)}`),
      },
      work: async () => {
        const repositories = await make(cli, configured, missing);
        await writeAppliedConfig(state, plainEffective(configured), whoApplies());
        return repositories;
      },
      done: (repositories) => ({ made: repositories.map(({ name }) => name) }),
    },
  );
  const daemon = await tellDaemon(cli, place.folder);
  if (printer.json) printer.message({ schema: 'coffre.apply/1', changes: changes.length, made, daemon });
  else printer.normal(`${countText(changes)} applied${daemon === 'reloaded' ? '; coffre serve has it too' : ''}`);
}

/** A daemon on this state reads the same file again; without one the next start does. */
async function tellDaemon(cli: Cli, stateFolder: string): Promise<'reloaded' | 'absent' | 'unreachable'> {
  const { findDaemon } = await import('../daemon/control/control-client.ts');
  try {
    const daemon = await findDaemon(stateFolder);
    if (daemon === undefined) return 'absent';
    await daemon.reload();
    return 'reloaded';
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    cli.printer().error(`Warning: coffre serve does not use it yet: ${error.message}`);
    return 'unreachable';
  }
}

/** @throws {CoffreError} REPO_NOT_FOUND unless they shall be made */
async function missingOf(
  cli: Cli,
  configured: Configured,
  mayInit: boolean,
): Promise<Extract<RepositoryFinding, { kind: 'there' | 'missing' }>[]> {
  const printer = cli.printer();
  const findings = await lookForRepositories(configured.config, await repositorySurroundings(cli, configured));
  for (const finding of findings) {
    if (finding.kind !== 'unknown') continue;
    printer.error(`Warning: ${finding.repository.name} could not be looked at: ${messageOf(finding.error)}`);
  }
  const missing = findings.flatMap((finding) => (finding.kind === 'missing' ? [finding] : []));
  const [first] = missing;
  if (mayInit || first === undefined) return missing;
  const names = missing.map(({ repository }) => repository.name);
  const verb = names.length === 1 ? 'is no repository' : 'are no repositories';
  throw new CoffreError('REPO_NOT_FOUND', `there ${verb} yet where the configuration has ${names.join(', ')}`, {
    hint: '`coffre apply --init` makes them. If they were there before: is the disk mounted?',
  });
}

async function make(
  cli: Cli,
  configured: Configured,
  missing: readonly RepositoryFinding[],
): Promise<{ name: string; id: string }[]> {
  const around = await repositorySurroundings(cli, configured);
  const made: { name: string; id: string }[] = [];
  for (const { repository } of missing) {
    const { id } = await makeRepository(repository, configured.config, around);
    cli.printer().normal(`made the repository ${repository.name} (${id.slice(0, 10)})`);
    made.push({ name: repository.name, id });
  }
  return made;
}

function whoApplies(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

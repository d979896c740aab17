/** `coffre backup create`: the sources of a plan, saved now under a name. */
import { CoffreError, shortId } from '@coffre/repository';
import type { SnapshotId } from '@coffre/repository';
import type { PlanConfig } from '../config/config.ts';
import { parseBackupName, parseDescription } from '../named/backup-name.ts';
import { usersOfName } from '../named/backups.ts';
import { snapshotsText } from '../named/rebuild.ts';
import { errorOf } from '../run/run-outcome.ts';
import { runPlan } from '../run/run-plan.ts';
import type { RunMessage } from '../run/run-message.ts';
import { runPurpose } from '../run/run-request.ts';
import type { RunResult } from '../run/run-request.ts';
import { listNamedBackups, nameBackup } from '../store/named-backups.ts';
import type { Store } from '../store/store.ts';
import { readsAll } from './backup-type.ts';
import type { TypeOptions } from './backup-type.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import { withGuards } from './guard-option.ts';
import type { GuardOptions } from './guard-option.ts';
import { meantRepository, plansMeant, requireConfigured } from './meant-repositories.ts';
import type { Configured, MeantOptions } from './meant-repositories.ts';
import { quoteName } from './output/display.ts';
import { RunReport } from './output/run-report.ts';
import { withRunSurroundings } from './planned-runs.ts';
import { usage } from './values.ts';

export type CreateOptions = Omit<MeantOptions, 'from'> &
  TypeOptions &
  GuardOptions & {
    readonly name: string;
    readonly pin?: true | undefined;
    readonly description?: string | undefined;
  };

export async function createNamed(cli: Cli, options: CreateOptions): Promise<void> {
  const configured = await requireConfigured(cli, options.config);
  const printer = cli.printer();
  using report = new RunReport(printer);
  const result = await saveNamed(cli, configured, options, (message) => report.onMessage(message));
  report.finish(result);
  const name = parseBackupName(options.name);
  const saved = savedOf(result);
  const error = errorOf(result, result.plan);
  if (error !== undefined) throw saved.length === 0 ? error : withSaved(error, name, saved.length);
  const ids = saved.map(({ id }) => shortId(id)).join(', ');
  const pinned = options.pin === true ? ', pinned' : '';
  printer.normal(`${quoteName(name)} is saved as ${ids}${pinned}; it answers to backup_manual_${name} too`);
}

/** The name is looked for before anything is read. @throws {CoffreError} BACKUP_NAME_TAKEN, USAGE, PLAN_UNKNOWN */
export async function saveNamed(
  cli: Cli,
  configured: Configured,
  options: CreateOptions,
  tell: (message: RunMessage) => void,
): Promise<RunResult> {
  const name = parseBackupName(options.name);
  const description = options.description === undefined ? undefined : parseDescription(options.description);
  const plan = onlyPlan(plansMeant(configured.config, options));
  await refuseTaken(cli, configured, plan, name);
  const purpose = runPurpose.parse({
    kind: 'manual',
    name,
    pin: options.pin === true,
    full: readsAll(options),
    ...(description === undefined ? {} : { description }),
  });
  return await withRunSurroundings(
    cli,
    withGuards(narrowed(configured, plan, options.source), options),
    tell,
    async (around) => {
      const ended = await runPlan(around, { plan: plan.name, purpose });
      await index(around.store, ended, { name, isPinned: purpose.pin });
      return ended;
    },
  );
}

function onlyPlan(plans: readonly PlanConfig[]): PlanConfig {
  const [plan] = plans;
  if (plan === undefined) throw usage('the configuration has no plan', 'Add one to `plans`.');
  if (plans.length === 1) return plan;
  throw usage('say which plan shall be saved', `Add --plan ${plans.map(({ name }) => name).join(' or --plan ')}.`);
}

/** The stored configuration stays whole; only what is read is less. */
function narrowed(configured: Configured, plan: PlanConfig, source: string | undefined): Configured {
  if (source === undefined) return configured;
  const only = { ...plan, sources: plan.sources.filter(({ name }) => name === source) };
  const plans = new Map([...configured.config.plans, [plan.name, only] as const]);
  return { ...configured, config: { ...configured.config, plans } };
}

/** In the repository itself; of those that it is copied to, what the index of names knows. */
async function refuseTaken(cli: Cli, configured: Configured, plan: PlanConfig, name: string): Promise<void> {
  await using session = await meantRepository(cli, configured, plan.to).open('read');
  const users = usersOfName(await session.repository.listSnapshots(), name);
  if (users.length > 0) throw taken(name, plan.to, `: ${users.map(({ id }) => shortId(id)).join(', ')}`);
  await using state = await configuredState(cli, configured);
  if (state === undefined) return;
  for (const { to } of plan.copies) {
    const known = await listNamedBackups(state, to);
    if (known.some((one) => one.name === name)) throw taken(name, to, '');
  }
}

function taken(name: string, repository: string, ids: string): CoffreError {
  return new CoffreError('BACKUP_NAME_TAKEN', `${repository} has a backup called ${JSON.stringify(name)}${ids}`, {
    hint: `Nothing was saved. Choose another name, for example ${name}_2.`,
  });
}

type SavedPart = { readonly repository: string; readonly id: SnapshotId };

function savedOf({ parts }: RunResult): SavedPart[] {
  return parts.flatMap(({ kind, repository, snapshot }) =>
    kind === 'source' && snapshot !== undefined ? [{ repository, id: snapshot }] : [],
  );
}

async function index(
  store: Store,
  result: RunResult,
  { name, isPinned }: { readonly name: string; readonly isPinned: boolean },
): Promise<void> {
  const saved = savedOf(result);
  const [first] = saved;
  if (first === undefined) return;
  const { plan } = result;
  const snapshot = snapshotsText(saved.map(({ id }) => id));
  await nameBackup(store, { repository: first.repository, name, plan, snapshot, isPinned });
  const copies = result.parts.filter(({ kind, outcome }) => kind === 'copy' && outcome === 'success');
  for (const repository of new Set(copies.map((part) => part.repository))) {
    await nameBackup(store, { repository, name, plan, snapshot, isPinned });
  }
}

function withSaved(error: CoffreError, name: string, count: number): CoffreError {
  const what = count === 1 ? 'One source is' : `${count} sources are`;
  return new CoffreError(error.code, error.message, {
    hint: `${error.hint ?? ''} ${what} saved under the name; \`coffre backup delete ${name}\` removes it.`.trim(),
    cause: error,
  });
}

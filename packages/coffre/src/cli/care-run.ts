import { CoffreError } from '@coffre/repository';
import type { RepositoryConfig, RepositoryName } from '../config/config.ts';
import { noteRunEnd } from '../alert/note-run.ts';
import { careFor, careName, parseCareTasks } from '../run/care.ts';
import type { PartResult } from '../run/run-request.ts';
import type { RunSurroundings } from '../run/run-surroundings.ts';
import { openWitness } from '../run/witness.ts';
import type { Cli } from './cli.ts';
import { requireConfigured } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { RunReport } from './output/run-report.ts';
import { isOfDaemon, withRunSurroundings } from './planned-runs.ts';

type CareOptions = { readonly config?: string | undefined; readonly task?: readonly string[] | undefined };

/** All repositories are seen to, whatever becomes of one; then the first failure decides the exit code. */
export async function takeCare(cli: Cli, names: readonly string[], options: CareOptions): Promise<void> {
  const configured = await requireConfigured(cli, options.config);
  const repositories = chosen(configured, names);
  const tasksOf = (repository: RepositoryConfig) =>
    options.task === undefined ? undefined : parseCareTasks(options.task, repository);
  for (const repository of repositories) tasksOf(repository);
  const printer = cli.printer();
  using report = new RunReport(printer);
  const parts: PartResult[] = [];
  await withRunSurroundings(
    cli,
    configured,
    (message) => report.onMessage(message),
    async (around) => {
      const witness = openWitness(around, (line) => printer.error(`Warning: ${line}`));
      for (const repository of repositories) {
        const done = await careFor(around, repository, { tasks: tasksOf(repository), witness });
        report.finishCare(repository.name, done);
        await noteCare(cli, around, repository, done);
        parts.push(...done);
      }
    },
  );
  const failed = parts.find(({ outcome }) => outcome !== 'success');
  if (failed === undefined) return;
  const { repository, reason, code, hint } = failed;
  throw new CoffreError(code ?? 'INTERNAL', `${repository}: ${reason}`, hint === undefined ? {} : { hint });
}

/** A daemon does it for those it started, whose failures it tries again; it is told why. */
async function noteCare(
  cli: Cli,
  { store, config, tell }: RunSurroundings,
  { name }: RepositoryConfig,
  done: readonly PartResult[],
): Promise<void> {
  const failed = done.find(({ outcome }) => outcome === 'failed');
  if (done.length === 0) return;
  const { reason, code, cause } = failed ?? {};
  const outcome = failed === undefined ? 'success' : 'failed';
  if (isOfDaemon(cli)) return tell({ type: 'ended', outcome, reason, code, cause });
  const note = { plan: careName(name), kind: 'check', runId: undefined, outcome, reason, code } as const;
  await store.transaction(async (rows) => await noteRunEnd(rows, config.alerts, { ...note, isTriedAgain: false }));
}

/** @throws {CoffreError} PLAN_UNKNOWN */
function chosen({ config }: Configured, names: readonly string[]): readonly RepositoryConfig[] {
  if (names.length === 0) return [...config.repositories.values()];
  return names.map((name) => {
    const repository = config.repositories.get(name as RepositoryName);
    if (repository !== undefined) return repository;
    throw new CoffreError('PLAN_UNKNOWN', `there is no repository ${JSON.stringify(name)} in the configuration`, {
      hint: `There are ${[...config.repositories.keys()].join(', ')}.`,
    });
  });
}

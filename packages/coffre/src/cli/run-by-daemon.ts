/** Where `coffre serve` works on the same state, it runs the plan: in its turn, and whoever asked only listens. */
import { CoffreError } from '@coffre/repository';
import type { ErrorCode } from '@coffre/repository';
import { findDaemon } from '../daemon/control/control-client.ts';
import type { DaemonClient } from '../daemon/control/control-client.ts';
import { waitWords } from '../daemon/control/wait-words.ts';
import type { RunMessageOf } from '../run/run-message.ts';
import type { Cli } from './cli.ts';
import { savedText } from './output/restore-text.ts';
import type { RunReport } from './output/run-report.ts';

/** @returns false when no daemon runs them: none is there, or it does not know all of the plans */
export async function runByDaemon(
  cli: Cli,
  stateFolder: string,
  plans: readonly string[],
  report: RunReport,
): Promise<boolean> {
  const daemon = await findDaemon(stateFolder);
  if (daemon === undefined) return false;
  const { planNames } = await daemon.status();
  if (!plans.every((plan) => planNames.includes(plan))) return false;
  const failures: CoffreError[] = [];
  for (const plan of plans) {
    const ended = await follow(cli, daemon, plan, report);
    const failure = failureOf(plan, ended);
    if (failure !== undefined) failures.push(failure);
    else if (!cli.printer().json) cli.printer().normal(`${plan}: ${ended?.outcome ?? ''}, run by coffre serve`);
  }
  const [first] = failures;
  if (first !== undefined) throw first;
  return true;
}

async function follow(
  cli: Cli,
  daemon: DaemonClient,
  plan: string,
  report: RunReport,
): Promise<RunMessageOf<'ended'> | undefined> {
  let ended: RunMessageOf<'ended'> | undefined;
  try {
    for await (const message of daemon.run(plan, cli.signal)) {
      if (message.type === 'waiting') {
        cli.printer().normal(`${plan} waits ${waitWords(message.waitsFor)}`);
        cli.printer().terminal.flush();
        continue;
      }
      report.onMessage(message);
      // The table is made in the process of the run.
      if (message.type === 'saved' && !cli.printer().json) cli.printer().normal(savedText(message));
      if (message.type === 'ended') ended = message;
    }
  } catch (error) {
    if (!cli.signal.aborted) throw error;
    throw new CoffreError('INTERRUPTED', `${plan} goes on without us`, { hint: `\`coffre cancel ${plan}\` stops it.` });
  }
  return ended;
}

function failureOf(plan: string, ended: RunMessageOf<'ended'> | undefined): CoffreError | undefined {
  if (ended === undefined) {
    return new CoffreError('DAEMON_REFUSED', `the run of ${plan} ended without a word`, {
      hint: `\`coffre logs ${plan}\` says more.`,
    });
  }
  if (ended.outcome === 'success' || ended.outcome === 'warning') return undefined;
  const code: ErrorCode = ended.code ?? (ended.outcome === 'cancelled' ? 'INTERRUPTED' : 'DAEMON_REFUSED');
  return new CoffreError(code, `${plan}: ${ended.reason ?? ended.outcome}`, {
    hint: `\`coffre logs ${plan}\` shows what it did.`,
  });
}

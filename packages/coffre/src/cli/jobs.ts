import type { Command } from '@commander-js/extra-typings';
import { statePlace } from '../access/state.ts';
import { requireDaemon } from '../daemon/control/control-client.ts';
import type { DaemonStatus, JobView, WaitingView } from '../daemon/control/control-view.ts';
import { waitWords } from '../daemon/control/wait-words.ts';
import type { Cli } from './cli.ts';
import { codeWords } from './code-words.ts';
import { formatBytes, formatDurationMs } from './output/format.ts';
import { formatLocalTime } from './output/local-time.ts';
import { tableLines } from './output/table.ts';

export function defineJobs(command: Command, cli: Cli): void {
  command.action(async () => {
    const printer = cli.printer();
    const daemon = await requireDaemon(statePlace(cli.environment).folder);
    const status = await daemon.status();
    if (printer.json) return printer.message(status);
    for (const line of linesOf(status, Date.now())) printer.always(line);
  });
}

function linesOf(status: DaemonStatus, nowMs: number): string[] {
  const { jobs, waiting, plans, pausedUntil, configProblem } = status;
  const notes = [
    ...(pausedUntil === undefined ? [] : [`everything is paused until ${formatLocalTime(new Date(pausedUntil))}`]),
    ...(configProblem === undefined ? [] : [`the changed configuration is not in use: ${configProblem}`]),
  ];
  if (jobs.length + waiting.length === 0)
    return [...notes, `nothing runs and nothing waits; ${plans} ${plans === 1 ? 'plan' : 'plans'}`];
  const rows = [...jobs.map((job) => jobRow(job, nowMs)), ...waiting.map(waitingRow)];
  return [...notes, ...tableLines({ columns: ['Plan', 'State', 'Since', 'Run', 'What it does'], rows })];
}

function jobRow({ plan, state, startedAt, runId, phase, progress, attempt }: JobView, nowMs: number): string[] {
  const done =
    progress === undefined
      ? ''
      : `, ${formatBytes(progress.bytesDone)}${progress.bytesTotal === undefined ? '' : ` of ${formatBytes(progress.bytesTotal)}`}`;
  const tries = attempt > 1 ? ` (try ${attempt})` : '';
  const since = formatDurationMs(nowMs - Date.parse(startedAt));
  return [plan, `${state}${tries}`, since, runId === undefined ? '' : String(runId), `${phase ?? 'begins'}${done}`];
}

function waitingRow({ plan, since, waitsFor, notBefore, failed }: WaitingView): string[] {
  const until = notBefore === undefined ? '' : `, not before ${formatLocalTime(new Date(notBefore))}`;
  const after = failed?.code === undefined ? '' : `; the last try failed${codeWords(failed.cause, failed.code)}`;
  return [plan, 'waiting', formatLocalTime(new Date(since)), '', `${waitWords(waitsFor)}${until}${after}`];
}

import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { statePlace } from '../access/state.ts';
import { findDaemon, requireDaemon } from '../daemon/control/control-client.ts';
import type { DaemonClient } from '../daemon/control/control-client.ts';
import type { FollowMessage } from '../daemon/control/control-view.ts';
import { waitWords } from '../daemon/control/wait-words.ts';
import { listRuns } from '../store/runs.ts';
import type { Run } from '../store/runs.ts';
import type { Cli } from './cli.ts';
import { endingWords } from './code-words.ts';
import { configuredState } from './configured-state.ts';
import { requireConfigured } from './meant-repositories.ts';
import { linesToCome } from './follow-file.ts';
import { formatBytes } from './output/format.ts';
import { formatLocalTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { savedText } from './output/restore-text.ts';
import { parseWholeNumber } from './values.ts';

export function defineLogs(command: Command, cli: Cli): void {
  command
    .argument('[plan]', 'the log of its newest run; without one, that of the daemon')
    .option('-f, --follow', 'go on with what comes, until the run ends')
    .option('--lines <n>', 'so many lines from the end', '200')
    .option('--config <file>', 'the configuration')
    .action(async (plan, options) => {
      const { folder } = statePlace(cli.environment);
      const linesMax = parseWholeNumber(options.lines, '--lines');
      if (plan === undefined) return await printDaemonLog(cli, folder, linesMax, options.follow === true);
      const daemon = await findDaemon(folder);
      const isFollowed = daemon !== undefined && (await followRun(cli, daemon, plan, options.follow === true));
      if (!isFollowed) await printRunLog(cli, plan, options.config, linesMax);
    });
}

/** @returns false when nothing of it runs */
async function followRun(cli: Cli, daemon: DaemonClient, plan: string, follow: boolean): Promise<boolean> {
  if (!follow && !(await daemon.status()).jobs.some((job) => job.plan === plan)) return false;
  if (!follow) return false;
  try {
    for await (const message of daemon.log(plan)) {
      if (cli.signal.aborted) break;
      printMessage(cli.printer(), message);
    }
    return true;
  } catch (error) {
    if (isCoffreError(error, 'PLAN_NOT_RUNNING')) return false;
    throw error;
  }
}

export function printMessage(printer: Printer, message: FollowMessage): void {
  if (printer.json) printer.message({ message_type: 'run', ...message });
  else {
    const line = lineOf(message);
    if (line !== undefined) printer.normal(line);
  }
  printer.terminal.flush();
}

function lineOf(message: FollowMessage): string | undefined {
  switch (message.type) {
    case 'waiting':
      return `waits ${waitWords(message.waitsFor)}`;
    case 'started':
      return `run ${message.runId} of ${message.plan} began`;
    case 'phase':
      return [message.phase, message.source, message.repository].filter((word) => word !== undefined).join(' ');
    case 'progress':
      return message.bytesTotal === undefined
        ? undefined
        : `${formatBytes(message.bytesDone)} of ${formatBytes(message.bytesTotal)}`;
    case 'line':
      return message.level === 'info' ? message.text : `${message.level}: ${message.text}`;
    case 'saved':
      return savedText(message);
    case 'ended':
      return endingWords(message);
    default:
      return message satisfies never;
  }
}

async function printRunLog(cli: Cli, plan: string, config: string | undefined, linesMax: number): Promise<void> {
  const printer = cli.printer();
  await using state = await configuredState(cli, await requireConfigured(cli, config));
  const run = state === undefined ? undefined : (await listRuns(state, { plan }, 20)).find(isWhole);
  if (run === undefined) {
    throw new CoffreError('PLAN_NOT_RUNNING', `no run of ${plan} is on record`, {
      hint: '`coffre status` shows every plan.',
    });
  }
  if (!printer.json) printer.normal(headOf(run));
  if (run.logPath !== undefined)
    for (const line of await lastLines(run.logPath, linesMax)) printer.always(printer.json ? line : runLine(line));
}

/** A line of the file of a run: a message with its time. */
function runLine(line: string): string {
  try {
    const { time, ...message } = JSON.parse(line) as FollowMessage & { readonly time: string };
    const text = lineOf(message);
    return `${formatLocalTime(new Date(time))} ${text ?? line}`;
  } catch {
    return line;
  }
}

function isWhole({ kind, source }: Run): boolean {
  return kind === 'backup' && source === undefined;
}

function headOf({ id, plan, startedAtMs, end }: Run): string {
  const ending = end === undefined ? 'goes on' : endingWords(end);
  return `run ${id} of ${plan}, ${formatLocalTime(new Date(startedAtMs))}: ${ending}`;
}

async function printDaemonLog(cli: Cli, folder: string, linesMax: number, follow: boolean): Promise<void> {
  const printer = cli.printer();
  const file = await newestLog(join(folder, 'logs'));
  if (file === undefined) {
    await requireDaemon(folder);
    return;
  }
  for (const line of await lastLines(file, linesMax)) printer.always(printer.json ? line : daemonLine(line));
  if (!follow) return;
  printer.terminal.flush();
  for await (const line of linesToCome(file, () => newestLog(join(folder, 'logs')), cli.signal)) {
    printer.always(printer.json ? line : daemonLine(line));
    printer.terminal.flush();
  }
}

/** `serve.3.log` after `serve.2.log`. */
async function newestLog(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const numbered = names.flatMap((name) => {
    const number = /^serve\.(\d+)\.log$/.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
  const newest = numbered.toSorted((a, b) => b.number - a.number)[0];
  return newest === undefined ? undefined : join(folder, newest.name);
}

async function lastLines(file: string, linesMax: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    lines.push(line);
    if (lines.length > linesMax) lines.shift();
  }
  return lines;
}

const levelNames: Readonly<Record<number, string>> = { 40: 'warn: ', 50: 'error: ' };

function daemonLine(line: string): string {
  try {
    const { level, time, event, ...fields } = JSON.parse(line) as { level: number; time: string; event: string };
    const words = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return [`${formatLocalTime(new Date(time))} ${levelNames[level] ?? ''}${event}`, ...words].join(' ');
  } catch {
    return line;
  }
}

/** `coffre status`: gathers the facts, judges them, and shows them in the form that was asked for. */
import { styleText } from 'node:util';
import { CoffreError, messageOf } from '@coffre/repository/opening';
import type { Config, PlanName, SiteName } from '../config/config.ts';
import { requireConfig } from '../config/parse.ts';
import { failureCounts } from '../store/failure-counts.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { Zones } from '../schedule/zone.ts';
import { localTimeIn } from '../status/local-time.ts';
import { nagiosExit, nagiosLine, nagiosText } from '../status/nagios.ts';
import type { Level } from '../status/problem.ts';
import { levels } from '../status/problem.ts';
import { readStatusFacts } from '../status/read-facts.ts';
import { chosenFacts, statusOf } from '../status/status.ts';
import type { Status } from '../status/status.ts';
import { statusJson } from '../status/status-json.ts';
import { statusLines, statusSentence } from '../status/status-text.ts';
import { wordsOf } from '../status/words.ts';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import { ExitVerdict } from './exit-code.ts';
import { statusDoors, withHistory } from './status-doors.ts';
import { parseChoice, usage } from './values.ts';
import type { StatusOptions } from './status.ts';
import { version } from './version.ts';

export async function showStatus(
  cli: Cli,
  plans: readonly string[],
  options: StatusOptions,
  folder: string,
): Promise<void> {
  if (options.nagios !== true) return await show(cli, plans, options, folder);
  try {
    return await show(cli, plans, options, folder);
  } catch (error) {
    if (error instanceof ExitVerdict) throw error;
    // Whoever asks shows one line of stdout, and any other exit code as a defect of the check.
    cli.printer().always(nagiosText('unknown', messageOf(error)));
    throw new ExitVerdict(nagiosExit.unknown);
  }
}

async function show(cli: Cli, plans: readonly string[], options: StatusOptions, folder: string): Promise<void> {
  const words = wordsOf(parseChoice(options.lang, '--lang', ['en', 'fr']));
  const failOn = parseChoice(options.failOn, '--fail-on', ['unknown', 'warning', 'critical', 'never']);
  const loaded = await loadConfig(cli, options.config, folder);
  const config = requireConfig(loaded);
  const status = await currentStatus(cli, config, { plans, site: options.site });
  if (options.promFile !== undefined) {
    const { statusMetrics } = await import('../status/metrics.ts');
    const failures = (await withHistory(cli, config, async (store) => store && failureCounts(store))) ?? [];
    replaceFile(options.promFile, await statusMetrics(status, { company: config.company, version, failures }));
  }
  const printer = cli.printer();
  if (options.nagios === true) {
    printer.always(nagiosLine(status, words));
    throw new ExitVerdict(nagiosExit[status.level]);
  }
  if (printer.json) printer.message(statusJson(status, words));
  else if (printer.verbosity === 0) printer.always(statusSentence(status, words));
  else {
    const localTime = localTimeIn(config.timezone, new Zones());
    for (const line of statusLines(status, { words, localTime, paint: painter(cli) })) printer.always(line);
  }
  if (failOn !== 'never' && levels.indexOf(status.level) >= levels.indexOf(failOn)) throw new ExitVerdict(22);
}

type Filter = { readonly plans: readonly string[]; readonly site: string | undefined };

async function currentStatus(cli: Cli, config: Config, filter: Filter): Promise<Status> {
  requireKnown(config, filter);
  const doors = statusDoors();
  const facts = await withHistory(cli, config, async (store) => await readStatusFacts(config, store, doors));
  return statusOf(chosenFacts(facts, filter));
}

/** @throws {CoffreError} PLAN_UNKNOWN, USAGE */
function requireKnown(config: Config, { plans, site }: Filter): void {
  for (const plan of plans) {
    if (!config.plans.has(plan as PlanName)) throw unknownPlan(config, plan);
  }
  if (site === undefined || config.sites.has(site as SiteName)) return;
  throw usage(
    `there is no site ${JSON.stringify(site)}`,
    `There are ${[...config.sites.keys()].join(', ') || 'none'}.`,
  );
}

function unknownPlan(config: Config, plan: string): CoffreError {
  return new CoffreError('PLAN_UNKNOWN', `there is no plan ${JSON.stringify(plan)}`, {
    hint: `There are ${[...config.plans.keys()].join(', ') || 'none'}.`,
  });
}

const colours = { ok: 'green', unknown: 'magenta', warning: 'yellow', critical: 'red' } as const;

function painter({ terminal, environment }: Cli): (text: string, level: Level) => string {
  if (!terminal.canUpdateStatus || environment['NO_COLOR']) return (text) => text;
  return (text, level) => styleText(['bold', colours[level]], text, { validateStream: false });
}

import type { Command } from '@commander-js/extra-typings';
import { CoffreError } from '@coffre/repository';
import { findDaemon } from '../daemon/control/control-client.ts';
import { pausePrefix } from '../daemon/pauses.ts';
import { openState } from '../access/state.ts';
import { pauseAll, removeSetting, writeSetting } from '../store/settings.ts';
import { auditedAs } from './audited.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { requireConfigured } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { formatLocalTime } from './output/local-time.ts';
import { parseLooseTime } from './times.ts';
import { parseDurationMs, usage } from './values.ts';

/** A pause that nobody ends is how backups are forgotten. */
const usualMs = 7 * 86_400_000;

type Named = { readonly config?: string; readonly all?: true };

export function definePause(command: Command, cli: Cli): void {
  command
    .argument('[plan]', 'the plan that is to start nothing')
    .option('--all', 'every plan')
    .option('--until <time>', "'2026-12-24 18:00', or a duration such as 90m or 48h (default: 7 days)")
    .option('--reason <text>', 'why, for whoever wonders later', '')
    .option('--config <file>', 'the configuration')
    .action(async (plan, options) => {
      const nowMs = Date.now();
      const untilMs = options.until === undefined ? nowMs + usualMs : untilOf(options.until, nowMs);
      if (untilMs <= nowMs) throw usage(`--until ${options.until} is over already`);
      const scene = await pauseScene(cli, plan, options);
      const until = new Date(untilMs);
      await scene.change(
        { action: 'pause', shown: { until: until.toISOString(), reason: options.reason } },
        async (store) =>
          await writeSetting(store, scene.setting, { value: options.reason, untilMs, changedBy: userOf(cli) }),
      );
      const printer = cli.printer();
      if (printer.json)
        return printer.message({ message_type: 'paused', plan: plan ?? null, until: until.toISOString() });
      printer.normal(
        `${scene.what} until ${formatLocalTime(until)}: nothing starts by itself; runs go on to their end`,
      );
    });
}

export function defineResume(command: Command, cli: Cli): void {
  command
    .argument('[plan]', 'the plan that goes on')
    .option('--all', 'end the pause of everything; plans that are paused by name stay so')
    .option('--config <file>', 'the configuration')
    .action(async (plan, options) => {
      const scene = await pauseScene(cli, plan, options);
      let was = false;
      await scene.change({ action: 'resume', shown: {} }, async (store) => {
        was = await removeSetting(store, scene.setting);
      });
      const printer = cli.printer();
      if (printer.json) return printer.message({ message_type: 'resumed', plan: plan ?? null, was_paused: was });
      printer.normal(
        was ? `${scene.what} no more; what was missed runs once` : `${plan ?? 'everything'} was not paused`,
      );
    });
}

type Change = { readonly action: string; readonly shown: Readonly<Record<string, string>> };
type OpenedState = Awaited<ReturnType<typeof openState>>;

type PauseScene = {
  readonly setting: string;
  /** `db is paused`, `everything is paused`. */
  readonly what: string;
  /** On record, as whoever silences backups should be. */
  change(act: Change, work: (store: OpenedState) => Promise<void>): Promise<void>;
};

async function pauseScene(cli: Cli, plan: string | undefined, { config, all }: Named): Promise<PauseScene> {
  if ((plan === undefined) === (all === undefined)) throw usage('name one plan, or give --all');
  const configured = await requireConfigured(cli, config);
  if (plan !== undefined) expectPlan(configured, plan);
  const state = await placeOfState(cli, configured);
  const printer = cli.printer();
  return {
    setting: plan === undefined ? pauseAll : `${pausePrefix}${plan}`,
    what: `${plan ?? 'everything'} is paused`,
    change: async ({ action, shown }, work) => {
      const target = { plan: plan ?? '*' };
      await auditedAs({ cli, printer, state }, target, {
        action,
        shown,
        done: () => ({}),
        work: async () => {
          await using store = await openState(state, (sentence) => printer.error(sentence));
          await work(store);
        },
      });
      // Without one, the next that starts reads it.
      await (await findDaemon(state.folder))?.refresh();
    },
  };
}

function expectPlan({ config }: Configured, plan: string): void {
  const known = [...config.plans.keys()];
  if (known.some((name) => name === plan)) return;
  throw new CoffreError('PLAN_UNKNOWN', `the configuration has no plan ${JSON.stringify(plan)}`, {
    hint: `It has ${known.join(', ')}.`,
  });
}

function untilOf(text: string, nowMs: number): number {
  return /^[\d.]+[a-zµ]/.test(text)
    ? nowMs + parseDurationMs(text, '--until')
    : parseLooseTime(text, '--until').getTime();
}

function userOf({ environment }: Cli): string {
  return environment['SUDO_USER'] ?? environment['USER'] ?? String(process.getuid?.() ?? '');
}

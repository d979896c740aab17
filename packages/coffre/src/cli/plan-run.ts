import { CoffreError } from '@coffre/repository';
import { configChanges, consequences } from '../config/changes.ts';
import type { ConfigChange, PlainConfig } from '../config/changes.ts';
import { effectiveOf } from '../config/effective.ts';
import { createJsonSchema } from '../config/json-schema.ts';
import { plainOf } from '../config/located.ts';
import { pathText } from '../config/mistake.ts';
import { systemZone } from '../config/read/system-zone.ts';
import { readAppliedConfig } from '../store/applied-config.ts';
import type { AppliedConfig } from '../store/applied-config.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import { requireConfigured } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { withoutControls } from './output/display.ts';
import type { Printer } from './output/printer.ts';

export type PlanVerbOptions = {
  readonly config?: string | undefined;
  readonly detailedExitcode?: true | undefined;
};

/** @throws {CoffreError} CONFIG_INVALID; CHANGES_PENDING when that was asked for */
export async function runPlanVerb(cli: Cli, options: PlanVerbOptions): Promise<void> {
  const configured = await requireConfigured(cli, options.config);
  await using state = await configuredState(cli, configured);
  const applied = state === undefined ? undefined : await readAppliedConfig(state);
  const changes = changesOf(configured, applied);
  const printer = cli.printer();
  showChanges(printer, changes, applied);
  if (!printer.json) printer.normal(changes.length === 0 ? 'nothing to apply' : 'coffre apply makes it hold');
  if (options.detailedExitcode === true && changes.length > 0) {
    throw new CoffreError('CHANGES_PENDING', `${countText(changes)} not applied yet`, { hint: 'Run `coffre apply`.' });
  }
}

/** What holds, said or not; secrets are references, so none is in it. */
export function plainEffective({ loaded }: Configured): PlainConfig {
  const { include: _, ...plain } = plainOf(effectiveOf(loaded.root, createJsonSchema(), systemZone())) as PlainConfig;
  return plain;
}

export function changesOf(configured: Configured, applied: AppliedConfig | undefined): ConfigChange[] {
  return configChanges(applied?.config ?? {}, plainEffective(configured));
}

export function showChanges(
  printer: Printer,
  changes: readonly ConfigChange[],
  applied: AppliedConfig | undefined,
): void {
  if (printer.json) {
    printer.message({
      schema: 'coffre.plan/1',
      applied: applied === undefined ? null : { at: new Date(applied.atMs).toISOString(), by: applied.by },
      changes: changes.map(({ path, ...change }) => ({ ...change, path: pathText(path) })),
      consequences: consequences(changes),
    });
    return;
  }
  if (applied === undefined) printer.normal('no configuration was applied yet; all of it is new');
  for (const change of changes) printer.always(withoutControls(lineOf(change)));
  for (const sentence of consequences(changes)) printer.normal(`note: ${withoutControls(sentence)}`);
}

export function countText({ length }: readonly ConfigChange[]): string {
  return length === 1 ? 'one change is' : `${length} changes are`;
}

function lineOf(change: ConfigChange): string {
  const path = pathText(change.path);
  switch (change.kind) {
    case 'added':
      return `+ ${path}${valueText(change.after)}`;
    case 'removed':
      return `- ${path}${valueText(change.before)}`;
    case 'changed':
      return `~ ${path}: ${JSON.stringify(change.before)} -> ${JSON.stringify(change.after)}`;
    default:
      return change satisfies never;
  }
}

/** Named things are known by their name; what is in them is in the file. */
function valueText(value: unknown): string {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? '' : `: ${JSON.stringify(value)}`;
}

/** `coffre run --dry-run`: what a run would do, from the configuration alone; nothing is opened. */
import { hostname } from 'node:os';
import { CoffreError, describePolicy } from '@coffre/repository';
import type { Config, HookConfig, PlanConfig, PlanName } from '../config/config.ts';
import { notMaintainedHere } from '../run/retention-phase.ts';
import type { RunPurpose } from '../run/run-request.ts';
import type { Printer } from './output/printer.ts';

/** @throws {CoffreError} PLAN_UNKNOWN */
export function showRun(printer: Printer, config: Config, name: PlanName, purpose: RunPurpose): void {
  const plan = config.plans.get(name);
  if (plan === undefined) {
    throw new CoffreError('PLAN_UNKNOWN', `there is no plan ${JSON.stringify(name)}`, {
      hint: `There are ${[...config.plans.keys()].join(', ')}.`,
    });
  }
  const steps = stepsOf(config, plan, purpose);
  if (printer.json) {
    printer.message({ schema: 'coffre.run-preview/1', plan: name, steps });
    return;
  }
  printer.normal(`${name} would`);
  for (const step of steps) printer.normal(`  ${step}`);
}

function stepsOf(config: Config, plan: PlanConfig, { copyTo, full }: RunPurpose): string[] {
  const here = hostname();
  const copies = plan.copies.filter(({ to, when }) => (copyTo === undefined ? when.kind === 'each' : to === copyTo));
  const copySteps = copies.flatMap(({ to, hooks }) => [
    ...hookSteps(hooks, 'before'),
    `copy to ${to}`,
    ...hookSteps(hooks, 'finally'),
  ]);
  if (copyTo !== undefined) return copySteps;
  const saving = plan.sources.flatMap((source) => {
    if (source.host !== undefined && source.host !== here) return [`pass over ${source.name}: it is on ${source.host}`];
    const proof = plan.verify.each.length === 0 ? '' : `, then prove ${plan.verify.each.join(', ')}`;
    const how = full ? 'read all of' : 'save';
    return [
      ...hookSteps(source.hooks, 'before'),
      `${how} ${source.name} (${source.type}) to ${plan.to}${proof}`,
      ...hookSteps(source.hooks, 'finally'),
    ];
  });
  const retention = [plan.to, ...copies.map(({ to }) => to)].flatMap((name) => {
    const rule = plan.retention.get(name);
    if (rule === undefined) return [];
    const why = notMaintainedHere(config.repositories.get(name)!, here);
    if (why !== undefined) return [`remove nothing at ${name}: ${why}`];
    return [`at ${name} ${describePolicy(rule.policy)}, and the newest ${rule.floor} in any case`];
  });
  return [
    ...hookSteps(plan.hooks, 'before'),
    ...saving,
    ...hookSteps(plan.hooks, 'finally'),
    ...copySteps,
    ...retention,
    ...hookSteps(plan.hooks, 'after'),
  ];
}

function hookSteps(hooks: readonly HookConfig[], at: HookConfig['at']): string[] {
  return hooks
    .filter((hook) => hook.at === at)
    .map(({ command }) => `run ${'argv' in command ? command.argv.join(' ') : command.shell}`);
}

import type { Command } from '@commander-js/extra-typings';
import { statePlace } from '../access/state.ts';
import { requireDaemon } from '../daemon/control/control-client.ts';
import type { Cli } from './cli.ts';

export function defineCancel(command: Command, cli: Cli): void {
  command.argument('<plan>', 'the plan whose run is to stop, or is not to begin').action(async (plan) => {
    const printer = cli.printer();
    const daemon = await requireDaemon(statePlace(cli.environment).folder);
    const { was } = await daemon.cancel(plan);
    if (printer.json) return printer.message({ message_type: 'cancelled', plan, was });
    printer.normal(
      was === 'running' ? `${plan} was told to stop; what it saved before stays` : `${plan} does not begin`,
    );
  });
}

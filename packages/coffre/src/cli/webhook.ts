import { CoffreError } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { openWebhookKey, webhookToken } from '../daemon/webhook/webhook-token.ts';
import { parseListenAddress, originOf } from '../repo-server/listen-address.ts';
import type { Cli } from './cli.ts';
import { placeOfState } from './configured-state.ts';
import { requireConfigured } from './meant-repositories.ts';

export function defineWebhook(command: Command, cli: Cli): void {
  command
    .argument('<plan>', 'a plan with `webhook: true` in its schedule')
    .option('--config <file>', 'the configuration')
    .action(async (name, options) => {
      const configured = await requireConfigured(cli, options.config);
      const { config } = configured;
      const plan = [...config.plans.values()].find((one) => one.name === name);
      if (plan?.schedule.triggers.some(({ kind }) => kind === 'webhook') !== true) {
        throw new CoffreError('PLAN_UNKNOWN', `no plan ${JSON.stringify(name)} has a webhook`, {
          hint: 'Write `webhook: true` into its `schedule`, and let `coffre serve` read it.',
        });
      }
      const address = parseListenAddress(config.server.listen);
      const origin = originOf(address, address.kind === 'tcp' ? address.port : 0, false);
      const url = `${origin}/hooks/${encodeURIComponent(name)}`;
      const token = webhookToken(openWebhookKey((await placeOfState(cli, configured)).folder), name);
      const printer = cli.printer();
      if (printer.json) return printer.message({ message_type: 'webhook', plan: name, url, token });
      printer.always(`curl -fsS -X POST -H 'Authorization: Bearer ${token}' '${url}'`);
    });
}

import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { defineRepairHeal } from './repair-heal.ts';
import { defineRepairIndex } from './repair-index.ts';
import { defineRepairPacks } from './repair-packs.ts';
import { defineRepairSnapshots } from './repair-snapshots.ts';

export function defineRepair(command: Command, cli: Cli): void {
  defineRepairIndex(command.command('index').description('Make the index fit the packs that are there'), cli);
  defineRepairPacks(
    command.command('packs').description('Save what can be read in damaged packs, and take them out'),
    cli,
  );
  defineRepairHeal(command.command('heal').description('Bring what is lost from another repository'), cli);
  defineRepairSnapshots(
    command.command('snapshots').description('Take what stays lost out of the snapshots, and name it'),
    cli,
  );
}

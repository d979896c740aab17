/**
 * A trigger: a program of your own decides when a plan runs. Here a line on its input does, as `journalctl -f | …` or
 * `mosquitto_sub -t topic | node trigger.ts nightly` write them. The library takes the same locks as the daemon, so both
 * may be there.
 */
import { argv, stdin } from 'node:process';
import { createInterface } from 'node:readline';
import { Coffre } from 'coffre';

const [, , plan = 'nightly', file = 'coffre.yaml'] = argv;
await using coffre = await Coffre.open(file);
coffre.on('run.failed', ({ reason }) => console.error(`${plan} failed: ${reason}`));
for await (const line of createInterface({ input: stdin })) {
  const { outcome, parts } = await coffre.runBackup(plan);
  console.log(`${line}: ${outcome}, ${parts.filter(({ kind }) => kind === 'source').length} sources`);
}

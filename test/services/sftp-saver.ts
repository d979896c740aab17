/** Saves files over SFTP for ever or so many times, for tests that kill it: `ADDRESS [COUNT]`. Says each name once saved. */
import { createHash, randomBytes } from 'node:crypto';
import { openBackend, parseLocation } from '@coffre/repository';

const [address = '', count = 'Infinity'] = process.argv.slice(2);
const backend = await openBackend(parseLocation(address), { environment: process.env });
await backend.create();
process.stdout.write('ready\n');
await Promise.all([1, 2, 3].map(saveOn));
await backend.close();

async function saveOn(): Promise<void> {
  for (let done = 0; done < Number(count); done += 1) {
    const bytes = randomBytes(700_000);
    const name = createHash('sha256').update(bytes).digest('hex');
    await backend.save({ kind: 'data', name }, [bytes]);
    process.stdout.write(`${name}\n`);
  }
}

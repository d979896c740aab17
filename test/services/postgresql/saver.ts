/** A process to be killed: in the middle of a backup, or while its private server runs. */
import { createLocalBackend, initRepository, openRepository } from '@coffre/repository';
import { systemHost } from '../../../packages/coffre/src/access/system-host.ts';
import { startScratchServer } from '../../../packages/coffre/src/source/postgresql/scratch-server.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { Programs } from '../../../packages/coffre/src/platform/programs.ts';
import { contextFor } from './scene.ts';
import { saveInto } from './save-into.ts';

const [first = '', second = '', third = '', count = '1'] = process.argv.slice(2);

if (first === 'scratch') {
  await startScratchServer(contextFor(second), 15, 0);
  process.send?.('up');
  setInterval(() => undefined, 1000);
} else {
  await saveUntilKilled();
}

async function saveUntilKilled(): Promise<void> {
  const context = contextFor(third);
  let parts = 0;
  const programs: Programs = {
    async *output(call) {
      for await (const part of context.programs.output(call)) {
        yield part;
        if (call.argv[0]?.endsWith('/pg_dump') !== true || call.argv.includes('--version')) continue;
        parts += 1;
        if (parts < Number(count)) continue;
        process.send?.('in the middle');
        await new Promise(() => setInterval(() => undefined, 1000));
      }
    },
  };
  const backend = createLocalBackend({ path: first });
  const repository = await openOrMake(backend);
  const settings = {
    name: 'shop',
    address: addressOf({ socket: second, user: 'coffre' }),
    databases: ['shop'],
    excludeDatabases: [],
    parallelOverBytes: 2 ** 40,
    jobs: 2,
    dumpArguments: [],
    sumsContent: false,
  };
  await saveInto(repository, settings, { ...context, programs });
}

async function openOrMake(backend: ReturnType<typeof createLocalBackend>) {
  const options = { backend, host: systemHost(() => undefined), password: 'killed' };
  try {
    return await openRepository(options);
  } catch {
    return await initRepository(options);
  }
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backendConformance } from '../testing/backend-conformance.ts';
import { createLocalBackend } from './local.ts';

backendConformance('local', async () => {
  const path = await mkdtemp(join(tmpdir(), 'coffre-local-'));
  return {
    backend: createLocalBackend({ path: join(path, 'deep', 'repo') }),
    async putStranger(kind, name) {
      await writeFile(join(path, 'deep', 'repo', kind, name), 'stranger');
      if (kind === 'data') await writeFile(join(path, 'deep', 'repo', 'data', '00', name), 'stranger');
    },
    dispose: () => rm(path, { recursive: true }),
  };
});

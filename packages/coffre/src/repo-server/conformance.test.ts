/** Our own client against our own server. The contract's files are no files of a repository, so nothing is judged. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBackend, parseLocation } from '@coffre/repository';
import { backendConformance } from '@coffre/repository/testing';
import { startStage } from './server-stage.ts';

backendConformance('coffre serve-repo', async () => {
  const stage = await startStage({ judge: () => undefined });
  return {
    backend: await openBackend(parseLocation(`rest:http://127.0.0.1:${stage.port}/repo/`)),
    async putStranger(kind, name) {
      for (const folder of kind === 'data' ? ['data', 'data/00'] : [kind]) {
        await mkdir(join(stage.folder, 'repo', folder), { recursive: true });
        await writeFile(join(stage.folder, 'repo', folder, name), 'stranger');
      }
    },
    dispose: () => stage[Symbol.asyncDispose](),
  };
});

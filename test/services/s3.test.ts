import { after } from 'node:test';
import { describeS3Protection } from './s3-protection-suite.ts';
import { s3Scenes } from './s3-scene.ts';
import type { S3Scene, S3Server } from './s3-scene.ts';
import { describeS3Storage } from './s3-storage-suite.ts';

for (const scene of s3Scenes()) {
  const shared = sharedServer(scene);
  describeS3Storage(shared);
  describeS3Protection(shared);
}

/** One server for all suites, since the start of a cluster takes long; each suite has buckets of its own. */
function sharedServer(scene: S3Scene): S3Scene {
  let started: Promise<S3Server> | undefined;
  after(async () => (await started)?.[Symbol.asyncDispose]());
  return {
    ...scene,
    async start() {
      const server = await (started ??= scene.start());
      return { ...server, [Symbol.asyncDispose]: async () => undefined };
    },
  };
}

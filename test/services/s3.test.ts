import { describeS3Protection } from './s3-protection-suite.ts';
import { s3Scenes } from './s3-scene.ts';
import { describeS3Storage } from './s3-storage-suite.ts';

for (const scene of s3Scenes()) {
  describeS3Storage(scene);
  describeS3Protection(scene);
}

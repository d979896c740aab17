import { CoffreError } from '../../errors.ts';
import type { Backend } from '../backend.ts';
import type { StorageOptions } from '../storage-options.ts';
import type { S3Location } from './s3-location.ts';

export async function createS3Backend(location: S3Location, _options: StorageOptions): Promise<Backend> {
  throw new CoffreError('NOT_BUILT_YET', `repositories at ${location.kind}: addresses are not built yet`);
}

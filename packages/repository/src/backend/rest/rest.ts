import { CoffreError } from '../../errors.ts';
import type { Backend } from '../backend.ts';
import type { StorageOptions } from '../storage-options.ts';
import type { RestLocation } from './rest-location.ts';

export async function createRestBackend(location: RestLocation, _options: StorageOptions): Promise<Backend> {
  throw new CoffreError('NOT_BUILT_YET', `repositories at ${location.kind}: addresses are not built yet`);
}

import { CoffreError } from '../../errors.ts';
import type { Backend } from '../backend.ts';
import type { StorageOptions } from '../storage-options.ts';
import type { SftpLocation } from './sftp-location.ts';

export async function createSftpBackend(location: SftpLocation, _options: StorageOptions): Promise<Backend> {
  throw new CoffreError('NOT_BUILT_YET', `repositories at ${location.kind}: addresses are not built yet`);
}

import type { Backend } from './backend.ts';
import { createLocalBackend } from './local.ts';
import type { Location } from './location.ts';
import type { StorageOptions } from './storage-options.ts';

/**
 * The storage at an address. Nothing is read or made yet. The clients of network storages are loaded when they are used.
 * @throws {CoffreError} HOST_UNSUPPORTED when a package for this kind of storage is not installed
 */
export async function openBackend(location: Location, options: StorageOptions = {}): Promise<Backend> {
  switch (location.kind) {
    case 'local':
      return createLocalBackend({
        path: location.path,
        ...(options.random === undefined ? {} : { random: options.random }),
        ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
        ...(options.clock === undefined ? {} : { clock: options.clock }),
        ...(options.throttle === undefined ? {} : { throttle: options.throttle }),
        anyMount: options.extended?.get('local.mount') === 'any',
        ...(options.mountNote === undefined ? {} : { mountNote: options.mountNote }),
      });
    case 's3':
      return (await import('./s3/s3.ts')).createS3Backend(location, options);
    case 'sftp':
      return (await import('./sftp/sftp.ts')).createSftpBackend(location, options);
    case 'rest':
      return (await import('./rest/rest.ts')).createRestBackend(location, options);
    case 'rclone':
      return (await import('./rclone/rclone.ts')).createRcloneBackend(location, options);
    default:
      return location satisfies never;
  }
}

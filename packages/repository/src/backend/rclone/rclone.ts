import type { Backend } from '../backend.ts';
import { createRestStorage } from '../rest/rest-storage.ts';
import { connectionsOf, stuckMsOf } from '../rest/rest-settings.ts';
import type { StorageOptions } from '../storage-options.ts';
import type { RcloneLocation } from './rclone-location.ts';
import { startRclone } from './rclone-process.ts';
import { createRcloneSender } from './rclone-sender.ts';
import { rcloneSettings } from './rclone-settings.ts';

const graceMs = 3000;

/** Everything that rclone can reach: `rclone serve restic` as a child, spoken to over its pipes. */
export async function createRcloneBackend({ remote }: RcloneLocation, options: StorageOptions): Promise<Backend> {
  const { environment = {}, warn = () => undefined, throttle } = options;
  const { program, argv, startMs } = rcloneSettings(remote, options);
  const location = `rclone:${remote}`;
  const sender = createRcloneSender({
    start: () => startRclone({ program, argv, environment, warn, graceMs }),
    location,
    startMs,
    stuckMs: stuckMsOf(options),
    throttle,
  });
  const connectionsMax = connectionsOf('rclone', options);
  return createRestStorage({ sender, location, basePath: '/', connectionsMax, throttle });
}

import type { Backend } from '../backend.ts';
import { describeLocation } from '../location.ts';
import type { StorageOptions } from '../storage-options.ts';
import { createHttpSender } from './http-sender.ts';
import type { Login, RestLocation } from './rest-location.ts';
import { createRestStorage } from './rest-storage.ts';
import { connectionsOf, stuckMsOf, userAgentOf } from './rest-settings.ts';

/** restic's REST protocol, versions 1 and 2, over http, https and unix sockets. */
export async function createRestBackend(location: RestLocation, options: StorageOptions): Promise<Backend> {
  const { environment = {}, tls, throttle } = options;
  const shown = describeLocation(`rest:${location.address}`);
  const connectionsMax = connectionsOf('rest', options);
  const sender = createHttpSender(location, {
    shown,
    connectionsMax,
    environment,
    userAgent: userAgentOf(options),
    stuckMs: stuckMsOf(options),
    login: location.login ?? loginFrom(environment),
    ...(tls === undefined ? {} : { tls }),
    ...(throttle === undefined ? {} : { throttle }),
  });
  return createRestStorage({ sender, location: shown, basePath: location.basePath, connectionsMax, throttle });
}

/** As restic: only where the address has no login at all. */
function loginFrom(environment: NonNullable<StorageOptions['environment']>): Login | undefined {
  const username = environment['RESTIC_REST_USERNAME'] ?? '';
  const password = environment['RESTIC_REST_PASSWORD'] ?? '';
  return username === '' && password === '' ? undefined : { username, password };
}

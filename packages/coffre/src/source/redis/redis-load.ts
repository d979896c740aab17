/** Brings saved Redis data back: into the folder of a stopped server, into one file, or into a running server. */
import { CoffreError } from '@coffre/repository';
import type { LoadTarget, SourceContext } from '../source.ts';
import type { RedisAddress } from './redis-connection.ts';
import type { SavedRedis } from './redis-files.ts';
import { loadIntoServer } from './load-server.ts';
import { loadIntoPath } from './load-path.ts';
import { parseAddress } from './redis-address.ts';
import type { RedisSettings } from './redis.ts';

export async function loadRedis(
  saved: SavedRedis,
  target: LoadTarget<RedisSettings>,
  context: SourceContext,
): Promise<string> {
  const address = serverOf(target);
  if (address === undefined) {
    if (target.only.length > 0) {
      throw new CoffreError('USAGE', 'a file holds all databases; single ones go into a running server only', {
        hint: 'Name a server: --target redis://HOST:PORT',
      });
    }
    return await loadIntoPath(saved, target, context);
  }
  if (!target.overwrite) {
    throw new CoffreError('SOURCE_TARGET_REFUSED', 'loading into a running server replaces what it holds', {
      hint: 'Add --overwrite if that is meant, or name a new folder with --target.',
    });
  }
  return await loadIntoServer(saved, address, target.only, context);
}

/** Undefined: the target is a path. */
function serverOf({ to, settings }: LoadTarget<RedisSettings>): RedisAddress | undefined {
  if (to === undefined) {
    if (settings !== undefined) return settings.address;
    throw new CoffreError('USAGE', 'it is not said where to load it', {
      hint: 'Name a folder, a file ending in .rdb or a server (redis://HOST:PORT) with --target.',
    });
  }
  if (!/^(rediss?|unix):/.test(to)) return undefined;
  const address = parseAddress(to);
  return address.password === undefined && settings !== undefined
    ? { ...address, user: address.user ?? settings.address.user, password: settings.address.password }
    : address;
}

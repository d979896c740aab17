import { join } from 'node:path';
import type { Command } from '../measure.ts';
import { password, type Place, type Tool } from './tool.ts';

/** Programs with restic's commands and environment: restic itself, and Coffre. */
export function resticLike(name: string, version: string, program: string, cacheHome?: string): Tool {
  const command = ({ repository, state, access }: Place, ...args: string[]): Command => ({
    program,
    args: access?.sshCommand === undefined ? args : ['-o', `sftp.command=${access.sshCommand}`, ...args],
    env: {
      ...access?.env,
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: password,
      RESTIC_CACHE_DIR: join(state, 'cache'),
      ...(cacheHome === undefined ? {} : { XDG_CACHE_HOME: cacheHome }),
    },
  });
  return {
    name,
    version,
    hasResticFormat: true,
    init: (place) => command(place, 'init'),
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, _source, target) => command(place, 'restore', 'latest', '--target', target),
    check: (place) => command(place, 'check', '--read-data'),
    open: (place) => command(place, 'cat', 'config'),
    copy: (from, { repository }) => {
      const { env, ...rest } = command({ repository, state: from.state }, 'copy', '--from-repo', from.repository);
      return { ...rest, env: { ...env, RESTIC_FROM_PASSWORD: password } };
    },
    forget: (place) => command(place, 'forget', '--keep-last', '1'),
    prune: (place) => command(place, 'prune', '--max-unused', '0'),
    reachesServers: true,
    lookUp: (place, blobId) => command(place, 'cat', 'blob', blobId),
  };
}

import { join } from 'node:path';
import type { Command } from '../measure.ts';
import { password, type Place, type Tool } from './tool.ts';

/**
 * kopia does not compress unless a policy says so: `kopia` is told to, and then does the same work as the others;
 * `kopia-raw` is kopia as it comes.
 */
export function kopiaTool(program: string, version: string, compressing: boolean): Tool {
  const command = ({ state }: Place, ...args: string[]): Command => ({
    program,
    args: [...args, '--no-progress'],
    env: {
      KOPIA_PASSWORD: password,
      KOPIA_CONFIG_PATH: join(state, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(state, 'cache'),
      KOPIA_LOG_DIR: join(state, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
      KOPIA_PERSIST_CREDENTIALS_ON_CONNECT: 'false',
    },
  });
  const init = (place: Place): Command => {
    const create = command(place, 'repository', 'create', 'filesystem', '--path', place.repository);
    if (!compressing) return create;
    const policy = command(place, 'policy', 'set', '--global', '--compression=zstd');
    // Two steps, one command: only the exit code matters here.
    const script = '"$0" "${@:2:$1}" && "$0" "${@:$(($1 + 2))}"';
    return {
      ...create,
      program: 'bash',
      args: ['-c', script, program, String(create.args.length), ...create.args, ...policy.args],
    };
  };
  return {
    name: compressing ? 'kopia' : 'kopia-raw',
    version,
    init,
    backup: (place, source) => command(place, 'snapshot', 'create', source),
    restore: (place, source, target) => command(place, 'restore', source, target),
    check: (place) => command(place, 'content', 'verify', '--full'),
    open: (place) => command(place, 'repository', 'status'),
  };
}

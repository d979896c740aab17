import { join } from 'node:path';
import type { Command } from '../measure.ts';
import { password, type Place, type Tool } from './tool.ts';

export function rusticTool(program: string, version: string): Tool {
  const command = ({ repository, state }: Place, ...args: string[]): Command => ({
    program,
    args: ['--no-progress', ...args],
    env: { RUSTIC_REPOSITORY: repository, RUSTIC_PASSWORD: password, RUSTIC_CACHE_DIR: join(state, 'cache') },
  });
  return {
    name: 'rustic',
    version,
    hasResticFormat: true,
    init: (place) => command(place, 'init'),
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, _source, target) => command(place, 'restore', 'latest', target),
    check: (place) => command(place, 'check', '--read-data'),
    open: (place) => command(place, 'cat', 'config'),
    forget: (place) => command(place, 'forget', '--keep-last', '1'),
    prune: (place) =>
      command(place, 'prune', '--max-unused', '0B', '--instant-delete', '--keep-pack', '0s', '--keep-delete', '0s'),
    lookUp: (place, blobId) => command(place, 'cat', 'data-blob', blobId),
  };
}

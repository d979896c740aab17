import type { Command } from '../measure.ts';
import { password, type Place, type Tool } from './tool.ts';

export function borgTool(program: string, version: string): Tool {
  const command = ({ repository, state }: Place, ...args: string[]): Command => ({
    program,
    args,
    env: {
      BORG_REPO: repository,
      BORG_PASSPHRASE: password,
      BORG_BASE_DIR: state,
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
      BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
      PYTHONWARNINGS: 'ignore',
    },
  });
  return {
    name: 'borg',
    version,
    init: (place) => command(place, 'init', '--encryption', 'repokey-blake2'),
    // `auto` tries lz4 first and skips what does not shrink.
    backup: (place, source) => command(place, 'create', '--compression', 'auto,zstd,3', '::{utcnow}', source),
    restore: (place, _source, target) => ({
      ...command(place),
      program: 'bash',
      cwd: target,
      args: ['-c', '"$0" extract "::$("$0" list --last 1 --short)"', program],
    }),
    check: (place) => command(place, 'check', '--verify-data'),
    open: (place) => command(place, 'list'),
  };
}

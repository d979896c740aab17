import { tmpdir } from 'node:os';
import { createFiles, systemClock } from '@coffre/repository';
import { createPrograms } from '../platform/programs.ts';
import type { SourceContext } from '../source/source.ts';
import type { Cli } from './cli.ts';

/** The real surroundings of sources. */
export function sourceContext(cli: Cli, signal: AbortSignal, warn: (line: string) => void): SourceContext {
  return {
    programs: createPrograms(cli.environment),
    searchPath: cli.environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder: cli.environment['TMPDIR'] || tmpdir(),
    signal,
    warn,
  };
}

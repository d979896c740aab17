import { tmpdir } from 'node:os';
import { createFiles, systemClock } from '@coffre/repository';
import { createPrograms } from '../platform/programs.ts';
import type { SourceContext } from '../source/source.ts';

/** The real surroundings of sources. */
export function systemSourceContext(
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  warn: (line: string) => void,
): SourceContext {
  return {
    programs: createPrograms(environment),
    searchPath: environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder: environment['TMPDIR'] || tmpdir(),
    signal,
    warn,
  };
}

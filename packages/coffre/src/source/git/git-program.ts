/**
 * git without a will of its own. A repository may belong to anybody and its settings may name programs; nothing of it is
 * run: no hooks, no helpers, no network, no settings of the machine or the user.
 */
import { CoffreError } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { textOf, type ProgramCall } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';

const timeoutMs = 24 * 3_600_000;
const textBytesMax = 256 * 1024 * 1024;

const settings = [
  'core.fsmonitor=false',
  'core.hooksPath=/dev/null',
  'core.alternateRefsCommand=true',
  'protocol.allow=never',
  // Repositories of other users are read, as root does.
  'safe.directory=*',
  'gc.auto=0',
  'maintenance.auto=false',
  // The same repository gives the same bytes.
  'pack.threads=1',
];

export type GitPlace = {
  /** Of the repository, the folder of the work tree or the bare repository itself. */
  readonly folder: string;
  /** Bundles are read as if by the protocol for files; no other repository is ever reached. */
  readonly readsBundle?: true;
};

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export function gitCall(place: GitPlace, words: readonly string[], context: SourceContext): ProgramCall {
  const git = findProgram('git', context.searchPath);
  if (git === undefined) {
    throw new CoffreError('SOURCE_TOOL_MISSING', 'git is not installed', { hint: 'Install the package git.' });
  }
  const given = settings.flatMap((setting) => ['-c', setting]);
  const bundles = place.readsBundle === true ? ['-c', 'protocol.file.allow=always', '-c', 'fetch.unpackLimit=1'] : [];
  return {
    argv: [git, '--no-pager', ...given, ...bundles, ...words],
    workingFolder: place.folder,
    environment: {
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_CONFIG_GLOBAL: '/dev/null',
      HOME: '/nonexistent',
      XDG_CONFIG_HOME: '/nonexistent',
      // What lies above the folder that was named is another repository.
      GIT_CEILING_DIRECTORIES: parentOf(place.folder),
      GIT_ALLOW_PROTOCOL: place.readsBundle === true ? 'file' : 'none',
      GIT_NO_LAZY_FETCH: '1',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '/bin/false',
      LC_ALL: 'C',
    },
    timeoutMs,
    signal: context.signal,
  };
}

/** All that it prints, every byte kept as one of Latin-1. */
export async function askGit(place: GitPlace, words: readonly string[], context: SourceContext): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of context.programs.output(gitCall(place, words, context))) {
    sizeBytes += part.length;
    if (sizeBytes > textBytesMax) throw new CoffreError('SOURCE_INVALID', 'git prints more than any list is long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('latin1');
}

/** What it prints; undefined when it says no. @throws {CoffreError} INTERRUPTED */
export async function tryGit(
  place: GitPlace,
  words: readonly string[],
  context: SourceContext,
): Promise<string | undefined> {
  try {
    return (await textOf(context.programs, gitCall(place, words, context))).trim();
  } catch (error) {
    if (error instanceof CoffreError && error.code === 'SOURCE_COMMAND_FAILED' && !context.signal.aborted) {
      return undefined;
    }
    throw error;
  }
}

function parentOf(folder: string): string {
  return folder.replace(/\/[^/]*\/?$/, '') || '/';
}

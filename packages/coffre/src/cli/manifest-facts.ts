/** What a manifest says beside its sources: when, where, by which program, of which state of the application. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CoffreError, commandWords, messageOf } from '@coffre/repository';
import type { Clock } from '@coffre/repository';
import type { AboutBackup } from '../manifest/close.ts';
import { textOf } from '../platform/programs.ts';
import type { SourceContext } from '../source/source.ts';
import type { BackupVerbOptions } from './backup.ts';
import type { Cli } from './cli.ts';
import { usage } from './values.ts';
import { programVersion } from './version.ts';

const askTimeoutMs = 30_000;
const versionCharsMax = 200;

export type FactParts = {
  readonly cli: Cli;
  readonly options: BackupVerbOptions;
  readonly context: SourceContext;
  readonly host: string;
  readonly clock: Pick<Clock, 'nowNs'>;
};

export async function describeSurroundings(parts: FactParts): Promise<Omit<AboutBackup, 'sources' | 'warnings'>> {
  const { clock, host, options, context } = parts;
  return {
    at: new Date(Number(clock.nowNs() / 1_000_000n)).toISOString(),
    host,
    program: {
      name: 'coffre',
      version: programVersion,
      node: process.versions.node,
      sqlite: process.versions['sqlite'] ?? '',
    },
    application: await applicationVersion(options, context),
    git: options.git === undefined ? null : await gitState(options.git, context),
  };
}

async function applicationVersion(
  options: BackupVerbOptions,
  context: SourceContext,
): Promise<{ version: string } | null> {
  const { applicationVersion: text, applicationVersionFile: file, applicationVersionCommand: command } = options;
  const given = [text, file, command].filter((one) => one !== undefined);
  if (given.length === 0) return null;
  if (given.length > 1) throw usage('only one of the --application-version options can be given');
  const version = (text ?? (file === undefined ? await ask(command ?? '', context) : readVersion(file))).trim();
  if (version === '' || version.length > versionCharsMax) {
    throw usage(`the version of the application is ${version === '' ? 'empty' : 'too long'}`);
  }
  return { version };
}

function readVersion(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`the file of --application-version-file cannot be read: ${messageOf(error)}`);
  }
}

async function ask(command: string, { programs, signal }: SourceContext): Promise<string> {
  const argv = commandWords(command, 'the command of --application-version-command');
  return await textOf(programs, { argv, timeoutMs: askTimeoutMs, signal });
}

async function gitState(folder: string, { programs, signal }: SourceContext): Promise<AboutBackup['git']> {
  const git = async (...words: string[]): Promise<string> =>
    await textOf(
      programs,
      { argv: ['git', '-C', resolve(folder), ...words], timeoutMs: askTimeoutMs, signal },
      16 * 1024 * 1024,
    );
  try {
    const commit = (await git('rev-parse', '--verify', 'HEAD')).trim();
    return { commit, isDirty: (await git('status', '--porcelain')) !== '' };
  } catch (error) {
    if (signal.aborted) throw error;
    throw new CoffreError('SOURCE_INVALID', `the commit of ${folder} cannot be read: ${messageOf(error)}`, {
      hint: 'Nothing was saved. Name a working copy of git with at least one commit, or leave --git out.',
      cause: error,
    });
  }
}

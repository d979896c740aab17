/** The official mongodump and mongorestore: where they are, and how they are told a password without anybody seeing it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { ProgramCall } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import type { Connection } from './mongodb-address.ts';

/** The run that started it ends it sooner; this is for programs that nobody ends. */
export const toolTimeoutMs = 24 * 3_600_000;

const configBytesMax = 64 * 1024;

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export function findTool(
  name: 'mongodump' | 'mongorestore',
  { searchPath }: Pick<SourceContext, 'searchPath'>,
): string {
  const path = findProgram(name, searchPath);
  if (path !== undefined) return path;
  throw new CoffreError('SOURCE_TOOL_MISSING', `${name} is not installed`, {
    hint: 'Install the package mongodb-database-tools from https://www.mongodb.com/try/download/database-tools.',
  });
}

export type ToolConfig = Disposable & {
  readonly argument: string;
  /** Of the program, beside its words. */
  readonly call: Pick<ProgramCall, 'workingFolder' | 'timeoutMs'>;
};

/** The words of a program can be read by everybody on the machine, a file of mode 0600 in a folder of mode 0700 cannot. */
export function writeToolConfig(
  { tools: { uri, workingFolder } }: Connection,
  context: Pick<SourceContext, 'temporaryFolder'>,
): ToolConfig {
  const folder = createPrivateFolder(context.temporaryFolder, configBytesMax);
  try {
    const path = join(folder.path, 'connection.yaml');
    // A text of JSON is one of YAML.
    writeFileSync(path, `uri: ${JSON.stringify(uri)}\n`, { mode: 0o600, flag: 'wx' });
    const call = { timeoutMs: toolTimeoutMs, ...(workingFolder === undefined ? {} : { workingFolder }) };
    return { argument: `--config=${path}`, call, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** The tools tell what they do line by line, and why they failed in one of the last. */
export function failureOf(tool: 'mongodump' | 'mongorestore', error: unknown): string {
  const text = messageOf(error);
  const why = /\tFailed: ([^\n]+)/.exec(text)?.[1];
  return why === undefined ? text : `${tool} failed: ${why}`;
}

/** Would change what an archive is, or show what is secret. */
const refusedArguments =
  /^(--(gzip|out|archive|uri|username|password|config|oplog|db|collection|query|queryFile|numParallelCollections|dumpDbUsersAndRoles|readPreference|viewsAsCollections|sslPEMKeyPassword)(=|$)|-[oupdcqj])/;

/** @throws {CoffreError} USAGE */
export function checkDumpArguments(words: readonly string[]): void {
  const refused = words.find((word) => refusedArguments.test(word) || !word.startsWith('-'));
  if (refused === undefined) return;
  // The rest of the word may be a password.
  const option = /^--[A-Za-z]+|^-[A-Za-z]/.exec(refused)?.[0] ?? 'a word that is no option';
  throw new CoffreError('USAGE', `mongodump cannot be given ${option} here`, {
    hint:
      'Databases, login and form of the dump are settings of their own, which member is read stands in the address ' +
      '(`?readPreference=secondary`); others are written --NAME=VALUE.',
  });
}

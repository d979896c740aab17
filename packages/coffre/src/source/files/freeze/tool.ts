/** Programs that manage file systems. */
import { CoffreError } from '@coffre/repository';
import { findProgram } from '../../../platform/find-program.ts';
import { textOf } from '../../../platform/programs.ts';
import type { SourceContext } from '../../source.ts';

const timeoutMs = 10 * 60_000;
const textBytesMax = 16 * 1024 * 1024;

/** @throws {CoffreError} SOURCE_TOOL_MISSING, SOURCE_COMMAND_FAILED */
export async function runTool(context: SourceContext, program: string, ...words: readonly string[]): Promise<string> {
  // Users have the folders of the administrator's programs off their path.
  const path = findProgram(program, `${context.searchPath}:/usr/sbin:/sbin`);
  if (path === undefined) {
    throw new CoffreError('SOURCE_TOOL_MISSING', `${program} is not installed, which freezes the source`, {
      hint: 'Install it, or leave `freeze` out.',
    });
  }
  return await textOf(context.programs, { argv: [path, ...words], timeoutMs, signal: context.signal }, textBytesMax);
}

/** On ways out that must be gone also after a stop: the signal of the backup does not end it. */
export async function runToolToTheEnd(
  context: SourceContext,
  program: string,
  ...words: readonly string[]
): Promise<void> {
  try {
    await runTool({ ...context, signal: new AbortController().signal }, program, ...words);
  } catch (error) {
    context.warn(`a snapshot of the file system is left: ${error instanceof Error ? error.message : String(error)}`);
  }
}

import { systemSourceContext } from '../access/source-context.ts';
import type { SourceContext } from '../source/source.ts';
import type { Cli } from './cli.ts';

export function sourceContext(cli: Cli, signal: AbortSignal, warn: (line: string) => void): SourceContext {
  return systemSourceContext(cli.environment, signal, warn);
}

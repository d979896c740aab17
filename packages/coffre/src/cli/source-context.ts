import { systemSourceContext } from '../access/source-context.ts';
import type { SourceContext } from '../source/source.ts';
import type { Cli } from './cli.ts';
import { extensionPlaces } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';

export function sourceContext(
  cli: Cli,
  signal: AbortSignal,
  warn: (line: string) => void,
  configured?: Configured,
): SourceContext {
  const context = systemSourceContext(cli.environment, signal, warn);
  return configured === undefined ? context : { ...context, extensions: extensionPlaces(configured) };
}

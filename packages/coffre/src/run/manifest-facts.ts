/** What the manifest of a planned backup says beside its source: when, where, by which program, of which application. */
import { readFileSync } from 'node:fs';
import { CoffreError, messageOf, type Clock } from '@coffre/repository';
import type { ApplicationConfig } from '../config/config.ts';
import type { AboutBackup } from '../manifest/close.ts';
import { textOf } from '../platform/programs.ts';
import type { SourceContext } from '../source/source.ts';

const askTimeoutMs = 30_000;
const versionCharsMax = 200;

export type FactParts = {
  readonly application: ApplicationConfig | undefined;
  readonly context: SourceContext;
  readonly host: string;
  readonly clock: Pick<Clock, 'nowNs'>;
  readonly programVersion: string;
};

export async function manifestFacts(parts: FactParts): Promise<Omit<AboutBackup, 'sources' | 'warnings'>> {
  const { clock, host, programVersion } = parts;
  return {
    at: new Date(Number(clock.nowNs() / 1_000_000n)).toISOString(),
    host,
    program: {
      name: 'coffre',
      version: programVersion,
      node: process.versions.node,
      sqlite: process.versions['sqlite'] ?? '',
    },
    application: await applicationOf(parts),
    git: null,
  };
}

/** A version that cannot be found out is a warning: the data is worth more. */
async function applicationOf({ application, context }: FactParts): Promise<{ version: string } | null> {
  if (application?.version === undefined) return null;
  try {
    const version = (await versionOf(application.version, context)).trim();
    if (version === '') throw new CoffreError('SOURCE_INVALID', 'it is empty');
    return { version: version.slice(0, versionCharsMax) };
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.warn(`the version of the application is not known: ${messageOf(error)}`);
    return null;
  }
}

async function versionOf(
  version: NonNullable<ApplicationConfig['version']>,
  { programs, signal }: SourceContext,
): Promise<string> {
  switch (version.kind) {
    case 'text':
      return version.text;
    case 'file':
      return readFileSync(version.path, 'utf8');
    case 'command':
      return await textOf(programs, { argv: version.argv, timeoutMs: askTimeoutMs, signal });
    default:
      return version satisfies never;
  }
}

import { generateKeyPairSync } from 'node:crypto';
import { toByteString, type Repository } from '@coffre/repository';
import type { PostgresSettings } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { saveSources, type SaveOutcome } from '../../../packages/coffre/src/source-run/save-sources.ts';

/** One PostgreSQL source as one snapshot, as a plan does it. */
export async function saveInto(
  repository: Repository,
  settings: PostgresSettings,
  context: SourceContext,
): Promise<SaveOutcome> {
  return await saveSources({
    indexed: await repository.loadIndex(),
    sources: [{ kind: 'postgresql', settings }],
    context,
    key: generateKeyPairSync('ed25519').privateKey,
    about: async () => ({
      at: '2026-11-21T12:00:00Z',
      host: 'test',
      program: { name: 'coffre', version: '0', node: '26', sqlite: '3' },
      application: null,
      git: null,
    }),
    last: undefined,
    options: { workingFolder: toByteString('/'), signal: context.signal },
  });
}

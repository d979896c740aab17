import { CoffreError } from '@coffre/repository';
import type { z } from 'zod';

/** What a manifest says of a source, as its kind wrote it. */
export function parseTruthWith<T>(schema: z.ZodType<T>): (value: unknown) => T {
  return (value) => {
    const { success, data, error } = schema.safeParse(value);
    if (success) return data;
    throw new CoffreError(
      'MANIFEST_DAMAGED',
      'the manifest tells of a source in words that this version does not know',
      {
        hint: 'Use the version that made the snapshot, or restore its files as they are.',
        cause: error,
      },
    );
  };
}

/**
 * What a snapshot says of itself, in the snapshot: `/.coffre/manifest.json`, its signature beside it in `manifest.json.sig`,
 * and `/.coffre/SHA256SUMS` with a line for every file and stream, whose own hash is in the manifest. So one signature
 * covers every byte that was saved, and a manifest stays small however many files there are. Pure.
 */
import { CoffreError, toByteString, type ByteString } from '@coffre/repository';
import { z } from 'zod';

export const manifestPath: ByteString = toByteString('/.coffre/manifest.json');
export const signaturePath: ByteString = toByteString('/.coffre/manifest.json.sig');
export const checksumsPath: ByteString = toByteString('/.coffre/SHA256SUMS');
/** With which configuration and for which plan the snapshot was made; without secrets. */
export const planPath: ByteString = toByteString('/.coffre/plan.json');
export const closingPaths: readonly ByteString[] = [manifestPath, signaturePath, checksumsPath];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.int().nonnegative();

const manifestSchema = z.object({
  schema: z.literal('coffre.manifest/1'),
  /** `full`: all was read, asked for or because nothing earlier was there to compare with. Both restore on their own. */
  type: z.enum(['full', 'incremental']),
  at: z.string(),
  host: z.string(),
  program: z.object({ name: z.literal('coffre'), version: z.string(), node: z.string(), sqlite: z.string() }),
  application: z.object({ version: z.string() }).nullable(),
  git: z.object({ commit: z.string(), isDirty: z.boolean() }).nullable(),
  totals: z.object({ files: size, bytes: size }),
  checksums: z.object({ path: z.string(), sha256, entries: size }),
  sources: z.array(
    z.object({
      kind: z.string(),
      name: z.string(),
      streams: z.array(z.object({ path: z.string(), sizeBytes: size, sha256 })),
      truth: z.unknown(),
    }),
  ),
  /** Files that were not sound, whose last good content is in the snapshot. */
  rejected: z.array(z.object({ path: z.string(), why: z.string(), keptLastGood: z.boolean() })),
  warnings: z.array(z.string()),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestSource = Manifest['sources'][number];

export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** Keys of later versions are passed over. @throws {CoffreError} MANIFEST_DAMAGED */
export function parseManifest(bytes: Uint8Array): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CoffreError('MANIFEST_DAMAGED', 'the manifest is no JSON', { cause });
  }
  const { success, data, error } = manifestSchema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new CoffreError('MANIFEST_DAMAGED', `the manifest cannot be understood at ${issue?.path.join('.') ?? '?'}`, {
    hint: 'Use the version that made the snapshot, or restore its files as they are.',
    cause: error,
  });
}

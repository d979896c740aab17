/** JSON of a small repository file into a checked shape. */
import { z } from 'zod';
import { CoffreError, messageOf, type ErrorCode } from '../errors.ts';
import { readTimestamp } from './time.ts';

/** Config, key, lock and snapshot files are this small; a longer one is not read at all. */
export const smallFileBytesMax: number = 16 * 1024 * 1024;

/** RFC 3339, kept as it is written. */
export const timeText = z
  .string()
  .max(64)
  .refine((text) => readTimestamp(text) !== undefined, { error: 'must be a time' });

export const u32 = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);

/** @throws {CoffreError} `code` when it is no JSON or has another shape */
export function parseJson<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string, code: ErrorCode): T {
  if (bytes.length > smallFileBytesMax)
    throw new CoffreError(code, `the ${what} has ${bytes.length} bytes, far more than it can need`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const result = schema.safeParse(readJson(text, what, code));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new CoffreError(code, `the ${what} is not as expected${place}: ${issue?.message ?? 'unknown'}`, {
    cause: result.error,
  });
}

function readJson(text: string, what: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CoffreError(code, `the ${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

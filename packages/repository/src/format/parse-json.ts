/** JSON of a small repository file into a checked shape. */
import { CoffreError, messageOf, type ErrorCode } from '../errors.ts';
import { ShapeError, type Shape } from './shape.ts';

/** Config, key, lock and snapshot files are this small; a longer one is not read at all. */
export const smallFileBytesMax: number = 16 * 1024 * 1024;

/** Unknown members are kept and written again, which goes as deep into them as they are nested. */
const depthMax = 64;

/** @throws {CoffreError} `code` when it is no JSON or has another shape */
export function parseJson<T>(bytes: Uint8Array, shape: Shape<T>, what: string, code: ErrorCode): T {
  if (bytes.length > smallFileBytesMax)
    throw new CoffreError(code, `the ${what} has ${bytes.length} bytes, far more than it can need`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const value = readJson(text, what, code);
  try {
    return shape(value, '');
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const place = error.place === '' ? '' : ` at ${error.place}`;
    throw new CoffreError(code, `the ${what} is not as expected${place}: ${error.message}`, { cause: error });
  }
}

function readJson(text: string, what: string, code: ErrorCode): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CoffreError(code, `the ${what} is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  if (isNestedDeeper(text, depthMax))
    throw new CoffreError(code, `the ${what} is nested deeper than ${depthMax} levels, far more than it can need`);
  return value;
}

/** Of valid JSON. */
function isNestedDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

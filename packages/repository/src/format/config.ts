/**
 * The config file: sealed JSON, never compressed, without a line feed.
 *
 *   {"version":2,"id":"<64 hex>","chunker_polynomial":"<hex>", …members that rustic adds}
 *
 * Every repository has its own polynomial, so equal files cut differently in different repositories.
 */
import { CoffreError } from '../errors.ts';
import { jsonText } from './gojson.ts';
import { parseJson } from './parse-json.ts';
import { flag, looseObject, oneOf, optional, text, u32, whole } from './shape.ts';

/** What rustic may add. Kept when the file is written again; these members are honoured. */
export type ForeignConfig = {
  readonly chunker?: 'Rabin' | 'FixedSize';
  readonly chunk_size?: number;
  readonly chunk_min_size?: number;
  readonly chunk_max_size?: number;
  readonly append_only?: boolean;
  readonly [key: string]: unknown;
};

export type RepositoryConfig = {
  readonly version: 1 | 2;
  /** 64 hexadecimal digits */
  readonly id: string;
  /** of degree 53; whether it is irreducible is checked by whoever cuts with it */
  readonly chunkerPolynomial: bigint;
  readonly foreign: ForeignConfig;
};

const schema = looseObject({
  version: whole(),
  id: text({ matching: /^[0-9a-f]{64}$/, must: 'must be 64 hexadecimal digits' }),
  chunker_polynomial: text({ matching: /^[0-9a-fA-F]{1,16}$/, must: 'must be at most 16 hexadecimal digits' }),
  chunker: optional(oneOf('Rabin', 'FixedSize')),
  chunk_size: optional(whole(1, 2 ** 32 - 1)),
  chunk_min_size: optional(u32),
  chunk_max_size: optional(whole(1, 2 ** 32 - 1)),
  append_only: optional(flag),
});

/** @throws {CoffreError} REPO_CONFIG_DAMAGED, REPO_VERSION_UNSUPPORTED */
export function parseConfig(bytes: Uint8Array): RepositoryConfig {
  const { version, id, chunker_polynomial, ...foreign } = parseJson(
    bytes,
    schema,
    'config file',
    'REPO_CONFIG_DAMAGED',
  );
  if (version !== 1 && version !== 2) {
    throw new CoffreError(
      'REPO_VERSION_UNSUPPORTED',
      `the repository has version ${version}; this program knows 1 and 2`,
      {
        hint: 'Use a newer version of coffre.',
      },
    );
  }
  return { version, id, chunkerPolynomial: BigInt(`0x${chunker_polynomial}`), foreign: present(foreign) };
}

/** Without the members that are undefined. */
function present(members: Record<string, unknown>): ForeignConfig {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function encodeConfig(config: RepositoryConfig): Buffer {
  const { version, id, chunkerPolynomial, foreign } = config;
  return Buffer.from(jsonText({ version, id, chunker_polynomial: chunkerPolynomial.toString(16), ...foreign }), 'utf8');
}

import { CoffreError } from '../../errors.ts';

export type S3Location = { readonly kind: 's3'; readonly address: string };

/** @param address what follows `s3:` */
export function parseS3Location(address: string): S3Location {
  if (address === '') throw new CoffreError('BACKEND_URL', 'the s3: address is empty');
  return { kind: 's3', address };
}

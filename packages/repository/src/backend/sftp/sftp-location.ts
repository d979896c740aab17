import { CoffreError } from '../../errors.ts';

export type SftpLocation = { readonly kind: 'sftp'; readonly address: string };

/** @param address what follows `sftp:` */
export function parseSftpLocation(address: string): SftpLocation {
  if (address === '') throw new CoffreError('BACKEND_URL', 'the sftp: address is empty');
  return { kind: 'sftp', address };
}

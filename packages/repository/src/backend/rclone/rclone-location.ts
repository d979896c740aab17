import { CoffreError } from '../../errors.ts';

export type RcloneLocation = { readonly kind: 'rclone'; readonly address: string };

/** @param address what follows `rclone:` */
export function parseRcloneLocation(address: string): RcloneLocation {
  if (address === '') throw new CoffreError('BACKEND_URL', 'the rclone: address is empty');
  return { kind: 'rclone', address };
}

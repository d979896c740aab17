import { CoffreError } from '../../errors.ts';

/** `remote` is what rclone calls it: `REMOTE:PATH`, also `:local:/path` and other remotes on the fly. */
export type RcloneLocation = { readonly kind: 'rclone'; readonly remote: string };

/** @param address what follows `rclone:` */
export function parseRcloneLocation(address: string): RcloneLocation {
  if (address === '' || address.includes('\0') || address.startsWith('-')) {
    throw new CoffreError('BACKEND_URL', 'the address after rclone: names no remote', {
      hint: 'Write rclone:REMOTE:PATH; `rclone listremotes` shows your remotes.',
    });
  }
  return { kind: 'rclone', remote: address };
}

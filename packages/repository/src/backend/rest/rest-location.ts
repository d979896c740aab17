import { CoffreError } from '../../errors.ts';

export type RestLocation = { readonly kind: 'rest'; readonly address: string };

/** @param address what follows `rest:` */
export function parseRestLocation(address: string): RestLocation {
  if (address === '') throw new CoffreError('BACKEND_URL', 'the rest: address is empty');
  return { kind: 'rest', address };
}

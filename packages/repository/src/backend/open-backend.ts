import type { Random } from '../host/host.ts';
import type { Backend } from './backend.ts';
import { createLocalBackend } from './local.ts';
import type { Location } from './location.ts';

/** The storage at an address. Nothing is read or made yet; `random` names temporary files. */
export function openBackend(location: Location, options: { random?: Random } = {}): Backend {
  switch (location.kind) {
    case 'local':
      return createLocalBackend({ path: location.path, ...options });
    default:
      return location.kind satisfies never;
  }
}

import type { Files } from './files.ts';
import type { Clock, Identity, Random } from './host.ts';

/** Something that went wrong beside the work and was survived: reported, never swallowed. */
export type Warning = { readonly about: string; readonly error: unknown };

/** Everything outside that the library touches, handed in together. */
export type Host = {
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: Identity;
  readonly files: Files;
  readonly warn: (warning: Warning) => void;
};

import { createFiles, systemClock, systemIdentity, systemRandom } from '@coffre/repository/opening';
import type { Files, Host, Identity, Warning } from '@coffre/repository';

/** The real surroundings. Identity and files open system libraries, so they wait until somebody asks. */
export function systemHost(warn: (warning: Warning) => void): Host {
  let files: Files | undefined;
  let identity: Identity | undefined;
  return {
    clock: systemClock(),
    random: systemRandom(),
    get identity() {
      return (identity ??= systemIdentity());
    },
    get files() {
      return (files ??= createFiles());
    },
    warn,
  };
}

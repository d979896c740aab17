import type { Clock, Random } from '../host/host.ts';
import type { Throttle } from './limits/throttle.ts';
import type { MountNote } from './local-volume.ts';

/** How to reach a storage, beyond its address. Each kind takes what concerns it; what is absent has the usual value. */
export type StorageOptions = {
  /** Names of temporary files, jitter. */
  readonly random?: Random;
  readonly clock?: Clock;
  /** Credentials and settings are looked up here, never in the process's own environment behind the caller's back. */
  readonly environment?: { readonly [name: string]: string | undefined };
  /** restic's `-o s3.region=eu-west-1`: names to texts. */
  readonly extended?: ReadonlyMap<string, string>;
  readonly connectionsMax?: number;
  /**
   * Bandwidth limits. A storage that sets `isThrottled` takes leave here before each piece it moves (`inPieces` does it
   * for what is sent), and so keeps an even pace; one that does not is slowed down call by call.
   */
  readonly throttle?: Throttle;
  /** For a folder: on which mount it was last seen. */
  readonly mountNote?: MountNote;
  readonly tls?: TlsOptions;
  readonly userAgent?: string;
  /** A request without an answer or progress for so long counts as failed. */
  readonly stuckRequestTimeoutMs?: number;
  /** A sentence the user should see, such as that a setting has no effect. */
  readonly warn?: (sentence: string) => void;
};

export type TlsOptions = {
  /** PEM files with root certificates, used instead of the system's. */
  readonly caFiles?: readonly string[];
  /** PEM file with certificate and private key. */
  readonly clientCertFile?: string;
  readonly insecure?: boolean;
};

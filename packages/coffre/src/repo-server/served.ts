import type { FileHandle } from '@coffre/repository';

/** One answered request, for the log and the figures. Never with a password, nor a name that was not proved. */
export type Served = {
  readonly method: string;
  /** As it was sent, without what follows `?`. */
  readonly path: string;
  readonly status: number;
  readonly address: string;
  readonly user: string | undefined;
  /** `user/repo`; undefined before anything was decided. */
  readonly repository: string | undefined;
  readonly moved: Moved | undefined;
  readonly durationMs: number;
  /** What went wrong inside. */
  readonly failure: unknown;
  /** The other side went away before the answer. */
  readonly aborted: boolean;
};

/** What a successful request did to a file. */
export type Moved = {
  readonly operation: 'read' | 'write' | 'delete';
  readonly kind: FileHandle['kind'];
  readonly sizeBytes: number;
};

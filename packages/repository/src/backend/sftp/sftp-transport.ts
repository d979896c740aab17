import type { SftpChannel } from './sftp-session.ts';

/** A way to a server over which SFTP sessions are opened. */
export type SftpTransport = {
  readonly ended: boolean;
  openChannel(): Promise<SftpChannel>;
  /** Ends everything that belongs to it; resolves when nothing is left. */
  close(): Promise<void>;
};

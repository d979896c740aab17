import type { Command } from '../measure.ts';

/** Where one tool keeps one repository and its own state (configuration, cache). Both are thrown away together. */
export type Place = {
  readonly repository: string;
  readonly state: string;
  /** How to reach it, when it is no folder: credentials, the home folder with keys, ssh as a command. */
  readonly access?: { readonly env: Readonly<Record<string, string>>; readonly sshCommand?: string };
};

/** One backup program, as the rows use it. Commands answer with exit code 0 when all went well. */
export type Tool = {
  readonly name: string;
  readonly version: string;
  /** Its repositories are restic's, and may be made by another program. */
  readonly hasResticFormat?: boolean;
  init(place: Place): Command;
  backup(place: Place, source: string): Command;
  /** The newest backup of `source` into an empty folder. */
  restore(place: Place, source: string, target: string): Command;
  /** Reads everything that is stored and compares it with its hashes. */
  check(place: Place): Command;
  /** The cheapest command that needs the password: what every other one pays before it begins. */
  open(place: Place): Command;
  /** Brings every backup into another repository, which is there and empty; absent where that is no command. */
  copy?(from: Place, to: Place): Command;
  /** Keeps the newest backup only. */
  forget?(place: Place): Command;
  /** Removes at once all that no backup needs. */
  prune?(place: Place): Command;
  /** Repositories over SFTP and S3, at restic's addresses. */
  readonly reachesServers?: boolean;
  /** Opens the index of a restic repository and prints one blob; absent for other formats. */
  lookUp?(place: Place, blobId: string): Command;
  /** What the tool says about its own time. */
  apart?(stderr: string): { keyMs: number; lockMs: number } | undefined;
};

export const password = 'a password for measuring';

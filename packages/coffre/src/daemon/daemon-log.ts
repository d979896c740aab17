/** What the daemon does, as JSON lines: for programs first, and readable in a terminal. */

export type LogFields = Readonly<Record<string, unknown>>;

export type DaemonLog = {
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
};

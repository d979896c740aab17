/** What a channel is given: something that happened, in words for people and in fields for programs. */

export type NoticeSeverity = 'info' | 'warning' | 'critical';

export type Notice = {
  /** The same however often it is sent, and in every channel; never used again for anything else. */
  readonly id: string;
  /** When it happened: RFC 3339, UTC. */
  readonly at: string;
  /** Stable: `run.failed`, `run.recovered`, `plan.objective_broken` and others. */
  readonly event: string;
  /** Those of the route. */
  readonly severity: NoticeSeverity;
  /** What a route of `alerts` may name: `failed`, `recovered`, `objective_broken` and others. */
  readonly causes: readonly string[];
  /** One line. */
  readonly title: string;
  /** One sentence that says more, where there is more to say. */
  readonly text: string;
  readonly company: string | undefined;
  readonly host: string;
  readonly plan: string | undefined;
  /** Its number in the history. */
  readonly run: number | undefined;
  /** Which try this is, from 1. */
  readonly attempt: number;
  readonly detail: Readonly<Record<string, unknown>>;
};

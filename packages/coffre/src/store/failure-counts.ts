/** How often each source of a plan failed, and why: it only grows, however much of the history is removed. */
import { failureCause, failureCauses, type FailureCause } from './failure-cause.ts';
import type { RunOutcome } from './runs.ts';
import type { Rows } from './store.ts';

export type FailureCount = {
  readonly plan: string;
  readonly source: string;
  readonly cause: FailureCause;
  readonly count: number;
};

export type CountedEnd = {
  readonly plan: string;
  readonly source: string;
  readonly outcome: RunOutcome;
  readonly code?: string | undefined;
};

/** Nothing where it did not fail. */
export async function countFailure({ db }: Rows, { plan, source, outcome, code }: CountedEnd): Promise<void> {
  const cause = outcome === 'failed' ? failureCause(outcome, code) : undefined;
  if (cause === undefined) return;
  await db
    .insertInto('failure_counts')
    .values({ plan, source, cause, count: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['plan', 'source', 'cause'])
        .doUpdateSet((eb) => ({ count: eb('failure_counts.count', '+', 1) })),
    )
    .execute();
}

/** Those that this version knows, in the order of their names. */
export async function failureCounts({ db }: Rows): Promise<FailureCount[]> {
  const found = await db
    .selectFrom('failure_counts')
    .selectAll()
    .orderBy('plan')
    .orderBy('source')
    .orderBy('cause')
    .execute();
  return found.flatMap(({ cause: word, ...row }) => {
    const cause = failureCauses.find((known) => known === word);
    return cause === undefined ? [] : [{ ...row, cause }];
  });
}

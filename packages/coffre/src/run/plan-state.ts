/**
 * `/.coffre/plan.json` of a planned backup: for which plan and source it was made, and the whole configuration as it held
 * then, with references to secrets and never a secret. From it a new machine knows what there was.
 */
import { CoffreError } from '@coffre/repository';
import { z } from 'zod';

const planState = z.object({
  schema: z.literal('coffre.plan/1'),
  plan: z.string(),
  source: z.string(),
  /** As `coffre config show --effective --json` prints it. */
  configuration: z.record(z.string(), z.unknown()),
});
export type PlanState = z.infer<typeof planState>;

/** The same configuration gives the same bytes, which are stored once. */
export function encodePlanState(state: {
  readonly plan: string;
  readonly source: string;
  readonly configuration: unknown;
}): Buffer {
  return Buffer.from(`${JSON.stringify({ schema: 'coffre.plan/1', ...state }, null, 2)}\n`);
}

/** @throws {CoffreError} MANIFEST_DAMAGED */
export function parsePlanState(bytes: Uint8Array): PlanState {
  try {
    return planState.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new CoffreError('MANIFEST_DAMAGED', 'the plan of the snapshot cannot be understood', {
      hint: 'Use the version that made the snapshot, or restore its files as they are.',
      cause,
    });
  }
}

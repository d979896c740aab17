/** The part of a check that worker threads do. */
import { reviveKey, type AskOwner, type CheckSetup, type TaskHandler } from '../workers/tasks.ts';
import { PackChecker } from './check-pack.ts';
import type { PackPayload } from './check-payload.ts';

export function checkTasks(setup: CheckSetup, _ask: AskOwner): Record<string, TaskHandler> {
  const checker = new PackChecker(reviveKey(setup.key), setup.lanes);
  return {
    'check-packs': (payload) => Promise.resolve({ result: checker.check(payload as PackPayload[]) }),
  };
}

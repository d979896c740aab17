import type { AskOwner, CheckSetup, TaskHandler } from '../workers/tasks.ts';
export function checkTasks(_setup: CheckSetup, _ask: AskOwner): Record<string, TaskHandler> {
  return {};
}

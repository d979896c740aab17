/** What can be asked of the daemon. */
import { CoffreError } from '@coffre/repository';
import { z } from 'zod';
import type { DueLoop } from '../loop.ts';
import type { DaemonStatus, FollowMessage } from './control-view.ts';
import { followNext, followNow } from './follow.ts';

export type Controlled = {
  loop(): DueLoop;
  status(): DaemonStatus;
  /** Reads the configuration again. @throws {CoffreError} when it has a mistake; then the old one stays */
  reload(): Promise<{ readonly plans: number }>;
  /** Pauses were changed in the state. */
  refresh(): Promise<void>;
};

export type ControlRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
};

const planBody = z.strictObject({ plan: z.string().min(1).max(200) });
const runBody = z.strictObject({ plan: z.string().min(1).max(200), follow: z.boolean().default(true) });

/** One document, or messages as they come. */
export type Answer = { readonly value: unknown } | { readonly messages: AsyncIterable<FollowMessage> };

/** @throws {CoffreError} */
export async function answer(controlled: Controlled, { method, path, query, body }: ControlRequest): Promise<Answer> {
  switch (`${method} ${path}`) {
    case 'GET /v1/status':
      return { value: controlled.status() };
    case 'POST /v1/run': {
      const { plan, follow } = read(runBody, body);
      return startRun(controlled.loop(), plan, follow);
    }
    case 'POST /v1/cancel':
      return { value: cancelRun(controlled.loop(), read(planBody, body).plan) };
    case 'GET /v1/log':
      return { messages: followNow(controlled.loop(), query.get('plan') ?? '') };
    case 'POST /v1/reload':
      return { value: await controlled.reload() };
    case 'POST /v1/refresh':
      await controlled.refresh();
      return { value: {} };
    default:
      throw new CoffreError('USAGE', `the daemon knows no ${method} ${path}`);
  }
}

function startRun(loop: DueLoop, plan: string, follow: boolean): Answer {
  if (!loop.works.has(plan)) throw unknownPlan(plan);
  // Listened to before it is asked for, or its first messages would be over.
  const messages = follow ? followNext(loop, plan) : undefined;
  loop.ask(plan, 'command');
  return messages === undefined ? { value: { plan, accepted: true } } : { messages };
}

function cancelRun(loop: DueLoop, plan: string): unknown {
  if (loop.cancel(plan)) return { plan, was: 'running' };
  if (loop.forgo(plan)) return { plan, was: 'waiting' };
  if (!loop.works.has(plan)) throw unknownPlan(plan);
  throw new CoffreError('PLAN_NOT_RUNNING', `nothing of the plan ${plan} runs or waits`, {
    hint: '`coffre jobs` shows what does.',
  });
}

export function unknownPlan(plan: string): CoffreError {
  return new CoffreError('PLAN_UNKNOWN', `the daemon knows no plan ${JSON.stringify(plan)}`, {
    hint: 'If it is new in the configuration, look at `coffre jobs`: it says why a changed file is not in use.',
  });
}

function read<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const found = schema.safeParse(body);
  if (found.success) return found.data;
  throw new CoffreError('USAGE', 'the request is not what the daemon understands', { cause: found.error });
}

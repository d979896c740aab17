/** Messages of a run as they come, for somebody who may read slowly. */
import { CoffreError } from '@coffre/repository';
import type { RunMessage } from '../../run/run-message.ts';
import type { Job } from '../job.ts';
import type { DueLoop } from '../loop.ts';
import type { FollowMessage } from './control-view.ts';

/** Of one who does not read, only the newest figures and so many other messages are kept. */
const heldMax = 10_000;

/** The run that begins next, and the waiting before it. */
export function followNext(loop: DueLoop, plan: string): AsyncIterable<FollowMessage> {
  const held = new Held();
  const onJob = loop.onJob((job) => {
    if (job.plan !== plan) return;
    onJob[Symbol.dispose]();
    held.follow(job);
  });
  const onWait = loop.onStep(() => {
    const waiting = loop.waiting.find(({ entry }) => entry.plan === plan);
    if (waiting !== undefined) held.push({ type: 'waiting', waitsFor: waiting.waitsFor });
    // Somebody took it back before it began.
    else if (!held.isFollowing && !loop.jobs.has(plan)) held.push(undefined);
  });
  held.onClose(() => {
    onJob[Symbol.dispose]();
    onWait[Symbol.dispose]();
  });
  return held;
}

/** What was said already, and what is said from now on. @throws {CoffreError} PLAN_NOT_RUNNING */
export function followNow(loop: DueLoop, plan: string): AsyncIterable<FollowMessage> {
  const job = loop.jobs.get(plan);
  if (job === undefined) throw new CoffreError('PLAN_NOT_RUNNING', `the plan ${plan} does not run`);
  const held = new Held();
  for (const message of job.recent) held.push(message);
  held.follow(job);
  return held;
}

class Held implements AsyncIterable<FollowMessage> {
  #messages: FollowMessage[] = [];
  #isOver = false;
  #wake: (() => void) | undefined;
  readonly #closing: (() => void)[] = [];
  isFollowing = false;

  onClose(call: () => void): void {
    this.#closing.push(call);
  }

  follow(job: Job): void {
    this.isFollowing = true;
    const listening = job.listen((message) => this.push(message));
    this.onClose(() => listening[Symbol.dispose]());
  }

  push(message: FollowMessage | undefined): void {
    if (message === undefined) this.#isOver = true;
    else if (isSameAgain(this.#messages.at(-1), message)) this.#messages[this.#messages.length - 1] = message;
    else if (this.#messages.length < heldMax) this.#messages.push(message);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FollowMessage> {
    let last: FollowMessage | undefined;
    try {
      for (;;) {
        const messages = this.#messages;
        this.#messages = [];
        for (const message of messages) {
          if (message.type === 'waiting' && isSameWait(last, message)) continue;
          last = message;
          yield message;
        }
        if (this.#messages.length > 0) continue;
        if (this.#isOver) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      for (const close of this.#closing) close();
    }
  }
}

/** Only the newest figures are of interest. */
function isSameAgain(before: FollowMessage | undefined, message: FollowMessage): boolean {
  return before?.type === message.type && (message.type === 'progress' || message.type === 'waiting');
}

function isSameWait(before: FollowMessage | undefined, message: FollowMessage): boolean {
  return before?.type === 'waiting' && message.type === 'waiting' && before.waitsFor === message.waitsFor;
}

export type Ended = Extract<RunMessage, { readonly type: 'ended' }>;

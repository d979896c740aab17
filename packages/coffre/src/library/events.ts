/** What the library tells while it works, by name. */
import type { LineLevel, RunMessage, RunPhase, RunProgress } from '../run/run-message.ts';
import type { RunResult } from '../run/run-request.ts';

export type CoffreEvents = {
  'run.started': { readonly plan: string; readonly runId: number; readonly logPath: string | undefined };
  'run.phase': {
    readonly plan: string;
    readonly phase: RunPhase;
    readonly source?: string;
    readonly repository?: string;
  };
  'run.progress': RunProgress & { readonly plan: string };
  'run.line': { readonly plan: string; readonly level: LineLevel; readonly text: string };
  /** Success, or success with warnings. */
  'run.finished': RunResult;
  /** Failed, cancelled or skipped. */
  'run.failed': RunResult;
  /** A step of a restore, with the time since it began. */
  'restore.step': { readonly text: string };
  warning: { readonly text: string };
};

export type Events = {
  on<Name extends keyof CoffreEvents>(name: Name, listener: (event: CoffreEvents[Name]) => void): () => void;
  emit<Name extends keyof CoffreEvents>(name: Name, event: CoffreEvents[Name]): void;
  emitRun(plan: string, message: RunMessage): void;
};

type Listener = (event: never) => void;

/** A listener that throws stops no backup: what it threw is thrown again outside, where nobody waits. */
export function createEvents(): Events {
  const listeners = new Map<keyof CoffreEvents, Set<Listener>>();
  const emit = <Name extends keyof CoffreEvents>(name: Name, event: CoffreEvents[Name]): void => {
    for (const listener of listeners.get(name) ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
  return {
    on(name, listener) {
      const known = listeners.get(name) ?? new Set<Listener>();
      listeners.set(name, known);
      known.add(listener);
      return () => void known.delete(listener);
    },
    emit,
    emitRun(named, message) {
      switch (message.type) {
        case 'started':
          return emit('run.started', { plan: message.plan, runId: message.runId, logPath: message.logPath });
        case 'phase': {
          const { type: _, ...phase } = message;
          return emit('run.phase', { plan: named, ...phase });
        }
        case 'progress': {
          const { type: _, ...progress } = message;
          return emit('run.progress', { plan: named, ...progress });
        }
        case 'line':
          return emit('run.line', { plan: named, level: message.level, text: message.text });
        case 'saved':
        case 'ended':
          // The result says more, and comes right after it.
          return undefined;
        default:
          return message satisfies never;
      }
    },
  };
}

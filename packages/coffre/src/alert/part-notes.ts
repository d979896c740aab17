/** What became of the copies and of the retention beside a backup: each repository is told of for itself. Pure. */
import type { ErrorCode } from '@coffre/repository';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { RunNote } from './note-run.ts';

type Part = {
  readonly kind: RunKind;
  readonly repository: string;
  readonly source: string | undefined;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  readonly code: ErrorCode | undefined;
};

const toldKinds = ['copy', 'retention'] as const;

/** One source that was not copied is a copy that failed. What was passed over says nothing. */
export function partNotes(run: Omit<RunNote, 'kind' | 'repository'>, parts: readonly Part[]): RunNote[] {
  return toldKinds.flatMap((kind) => {
    const own = parts.filter((part) => part.kind === kind);
    return [...new Set(own.map(({ repository }) => repository))].flatMap((repository): RunNote[] => {
      const there = own.filter((part) => part.repository === repository);
      const failed = there.find(({ outcome }) => outcome === 'failed');
      const about = { ...run, kind, repository } as const;
      if (failed !== undefined) {
        const reason = failed.source === undefined ? failed.reason : `${failed.source}: ${failed.reason}`;
        return [{ ...about, outcome: 'failed', reason, code: failed.code }];
      }
      if (!there.every(({ outcome }) => outcome === 'success')) return [];
      return [{ ...about, outcome: 'success', reason: undefined, code: undefined }];
    });
  });
}

/** What became of the copies that a run made beside its backup: each further repository is told of for itself. Pure. */
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

/** One source that was not copied is a copy that failed. What was passed over says nothing. */
export function copyNotes(run: Omit<RunNote, 'kind' | 'repository'>, parts: readonly Part[]): RunNote[] {
  const copies = parts.filter(({ kind }) => kind === 'copy');
  return [...new Set(copies.map(({ repository }) => repository))].flatMap((repository): RunNote[] => {
    const there = copies.filter((part) => part.repository === repository);
    const failed = there.find(({ outcome }) => outcome === 'failed');
    const about = { ...run, kind: 'copy', repository } as const;
    if (failed !== undefined) {
      const reason = failed.source === undefined ? failed.reason : `${failed.source}: ${failed.reason}`;
      return [{ ...about, outcome: 'failed', reason, code: failed.code }];
    }
    if (!there.every(({ outcome }) => outcome === 'success')) return [];
    return [{ ...about, outcome: 'success', reason: undefined, code: undefined }];
  });
}

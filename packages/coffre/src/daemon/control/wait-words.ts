import type { WaitReason } from '../../schedule/plan-entry.ts';

const words: Readonly<Record<WaitReason, string>> = {
  running: 'until its run before has ended',
  paused: 'it is paused',
  settling: 'until network and disks have settled',
  delay: 'before it tries again',
  window: 'for its window to open',
  runs_max: 'for a place: enough runs at once',
  host_max: 'for a place: enough runs at once on its host',
  repository: 'for the repository',
};

/** Why a plan that wants to run does not yet. */
export function waitWords(reason: WaitReason | undefined): string {
  return reason === undefined ? 'for its turn' : words[reason];
}

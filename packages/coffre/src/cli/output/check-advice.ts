/** What `check` says to do about damage: whoever follows it line by line ends with a sound repository. */
import type { CheckResult, RepairStep } from '@coffre/repository';

export function adviceLines({ steps, brokenPacks }: Pick<CheckResult, 'steps' | 'brokenPacks'>): string[] {
  if (steps.length === 0) {
    return ['', 'The repository is damaged. Look for a copy of it before anything else.', ''];
  }
  return [
    '',
    'The repository is damaged. Before anything else: if its disk is failing, copy the repository away and mend the copy.',
    'Then, in this order:',
    '',
    ...steps.flatMap((step) => linesOf(step, brokenPacks)),
    '',
    'Run the check again after each: the later ones are often not needed. --dry-run shows what a step would do.',
    '',
  ];
}

function linesOf(step: RepairStep, brokenPacks: readonly string[]): string[] {
  switch (step) {
    case 'repair-index':
      return ['coffre repair index', '  makes the index fit the packs that are there'];
    case 'repair-packs':
      return [
        `coffre repair packs ${brokenPacks.join(' ')}`,
        '  saves what can still be read in them; with --from-repo REPOSITORY, another repository fills the gaps at once',
      ];
    case 'refill':
      return [
        'coffre repair heal --from-repo REPOSITORY',
        '  brings what is lost from another repository that has it; a new `coffre backup --force` of the same folders',
        '  brings what is still on this machine',
      ];
    case 'repair-snapshots':
      return ['coffre repair snapshots --forget', '  last: takes what stays lost out of the snapshots, and names it'];
    case 'replace-file':
      return [
        'the key or snapshot files named above',
        '  cannot be mended: put them back from a copy of the repository. Without one, delete them; `coffre recover`',
        '  finds the folders of a lost snapshot',
      ];
    default:
      return step satisfies never;
  }
}

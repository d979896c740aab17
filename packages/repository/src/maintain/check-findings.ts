import type { PackId } from '../ids.ts';

/** Damage is an error; what is merely untidy is a hint. */
const severities = {
  'key-unreadable': 'error',
  'lock-unreadable': 'hint',
  'index-unreadable': 'error',
  /** Index files do not agree on the contents of a pack. */
  'pack-differs': 'error',
  'pack-repeated': 'hint',
  'pack-mixed': 'hint',
  'pack-missing': 'error',
  'pack-size': 'error',
  'pack-unindexed': 'hint',
  'snapshot-unreadable': 'error',
  'tree-damaged': 'error',
  'pack-damaged': 'error',
  /** It could not be read, or was right the second time. */
  'pack-doubtful': 'error',
} as const;

export type FindingKind = keyof typeof severities;

export type CheckFinding = {
  readonly kind: FindingKind;
  readonly severity: 'error' | 'hint';
  /** One line, as restic words it where it has the same finding. */
  readonly message: string;
  /** One line each, when the message is a heading. */
  readonly details: readonly string[];
  readonly packId?: PackId;
};

export function finding(
  kind: FindingKind,
  message: string,
  more: { readonly details?: readonly string[]; readonly packId?: PackId } = {},
): CheckFinding {
  const { details = [], packId } = more;
  return { kind, severity: severities[kind], message, details, ...(packId !== undefined && { packId }) };
}

/** What to do about the damage, in this order. */
export type RepairStep =
  /** The index lacks packs, names what is gone, or cannot be read. */
  | 'repair-index'
  | 'repair-packs'
  /** Pieces are lost, here or once their packs are out of the index: another repository, or a new backup, may have them. */
  | 'refill'
  | 'repair-snapshots'
  /** A key or snapshot file is damaged: only a copy of it helps. */
  | 'replace-file';

export type CheckResult = {
  readonly errors: number;
  readonly hints: number;
  /** Packs whose bytes are wrong: what they hold is lost unless a copy has it. */
  readonly brokenPacks: readonly PackId[];
  readonly suggestsRepairIndex: boolean;
  readonly suggestsPrune: boolean;
  readonly steps: readonly RepairStep[];
  readonly packsRead: number;
  readonly bytesRead: number;
};

const needsRepairIndex: ReadonlySet<FindingKind> = new Set(['index-unreadable', 'pack-repeated']);
const needsPrune: ReadonlySet<FindingKind> = new Set(['pack-mixed', 'pack-unindexed']);
const isBroken: ReadonlySet<FindingKind> = new Set(['pack-differs', 'pack-size', 'pack-damaged']);

const stepsFor: readonly (readonly [RepairStep, ReadonlySet<FindingKind>])[] = [
  ['repair-index', new Set(['index-unreadable', 'pack-differs', 'pack-missing'])],
  ['repair-packs', new Set(['pack-size', 'pack-damaged'])],
  ['refill', new Set(['pack-missing', 'pack-size', 'pack-damaged', 'tree-damaged'])],
  ['repair-snapshots', new Set(['pack-missing', 'pack-size', 'pack-damaged', 'tree-damaged'])],
  ['replace-file', new Set(['key-unreadable', 'snapshot-unreadable'])],
];

function stepsOf(kinds: ReadonlySet<FindingKind>): RepairStep[] {
  const steps = stepsFor.flatMap(([step, about]) => (kinds.isDisjointFrom(about) ? [] : [step]));
  // What a tree lacks may lie in a pack that only the index has lost.
  const isLostByIndex = kinds.has('tree-damaged') && kinds.has('pack-unindexed');
  return isLostByIndex && steps[0] !== 'repair-index' ? ['repair-index', ...steps] : steps;
}

export type Tally = { add(finding: CheckFinding): void; read(sizeBytes: number): void; result(): CheckResult };

export function createTally(): Tally {
  const counts = { errors: 0, hints: 0, packsRead: 0, bytesRead: 0 };
  const kinds = new Set<FindingKind>();
  const brokenPacks = new Set<PackId>();
  return {
    add({ kind, severity, details, packId }) {
      kinds.add(kind);
      // A tree with three problems is three errors.
      counts[severity === 'error' ? 'errors' : 'hints'] += kind === 'tree-damaged' ? details.length : 1;
      if (packId !== undefined && isBroken.has(kind)) brokenPacks.add(packId);
    },
    read(sizeBytes) {
      counts.packsRead += 1;
      counts.bytesRead += sizeBytes;
    },
    result: () => ({
      ...counts,
      brokenPacks: [...brokenPacks].sort(),
      suggestsRepairIndex: !kinds.isDisjointFrom(needsRepairIndex),
      steps: stepsOf(kinds),
      suggestsPrune: !kinds.isDisjointFrom(needsPrune),
    }),
  };
}

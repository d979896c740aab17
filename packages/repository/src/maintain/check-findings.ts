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

export type CheckResult = {
  readonly errors: number;
  readonly hints: number;
  /** Packs whose bytes are wrong: what they hold is lost unless a copy has it. */
  readonly brokenPacks: readonly PackId[];
  readonly suggestsRepairIndex: boolean;
  readonly suggestsPrune: boolean;
  readonly packsRead: number;
  readonly bytesRead: number;
};

const needsRepairIndex: ReadonlySet<FindingKind> = new Set(['index-unreadable', 'pack-repeated']);
const needsPrune: ReadonlySet<FindingKind> = new Set(['pack-mixed', 'pack-unindexed']);
const isBroken: ReadonlySet<FindingKind> = new Set(['pack-differs', 'pack-size', 'pack-damaged']);

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
      suggestsPrune: !kinds.isDisjointFrom(needsPrune),
    }),
  };
}

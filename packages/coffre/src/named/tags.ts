/**
 * What a snapshot says of the backup it is, in tags that restic shows, copies and filters by as any others:
 *
 *   coffre:plan=NAME  coffre:source=SITE/SOURCE  coffre:kind=auto|manual|temp  coffre:name=NAME  coffre:pinned  coffre:run=ID
 *   coffre:description=TEXT  coffre:incomplete  coffre:full
 *
 * Everything else we know of named backups is made from these. Pure.
 */
import type { Snapshot } from '@coffre/repository';

export type BackupKind = 'auto' | 'manual' | 'temp';

export type BackupFacts = {
  readonly plan: string | undefined;
  /** SITE/SOURCE. */
  readonly source: string | undefined;
  readonly kind: BackupKind | undefined;
  readonly name: string | undefined;
  readonly isPinned: boolean;
  /** The same for all snapshots of one run of a plan. */
  readonly run: string | undefined;
  readonly description: string | undefined;
  /** Some of the source could not be read. */
  readonly isIncomplete: boolean;
  /** All of the source was read, and nothing taken over from the backup before. */
  readonly isFull: boolean;
};

export const pinnedTag = 'coffre:pinned';
/** Such a backup is worth less than a complete one, and takes the place of none. */
export const incompleteTag = 'coffre:incomplete';
/** A parent that is not there says it too, but copies never have one. */
export const fullTag = 'coffre:full';

const kinds: readonly string[] = ['auto', 'manual', 'temp'] satisfies readonly BackupKind[];

/** A tag that is there twice with two values says nothing: what is not clear is nobody's to remove. */
export function factsOf({ tags = [] }: Pick<Snapshot, 'tags'>): BackupFacts {
  const only = (key: string): string | undefined => {
    const lead = `coffre:${key}=`;
    const values = new Set(tags.filter((tag) => tag.startsWith(lead)).map((tag) => tag.slice(lead.length)));
    const [value] = values;
    return values.size === 1 && value !== '' ? value : undefined;
  };
  const kind = only('kind');
  return {
    plan: only('plan'),
    source: only('source'),
    kind: kind !== undefined && kinds.includes(kind) ? (kind as BackupKind) : undefined,
    name: only('name'),
    isPinned: tags.includes(pinnedTag),
    run: only('run'),
    description: only('description'),
    isIncomplete: tags.includes(incompleteTag),
    isFull: tags.includes(fullTag),
  };
}

export function tagsOf(facts: Partial<BackupFacts>): string[] {
  const said = (['plan', 'source', 'kind', 'name', 'run', 'description'] as const).flatMap((key) => {
    const value = facts[key];
    return value === undefined ? [] : [`coffre:${key}=${value}`];
  });
  return [
    ...said,
    ...(facts.isPinned === true ? [pinnedTag] : []),
    ...(facts.isIncomplete === true ? [incompleteTag] : []),
    ...(facts.isFull === true ? [fullTag] : []),
  ];
}

/** What of a snapshot is brought back, and where to: files as files, everything else by its own kind. Pure. */
import { join } from 'node:path';
import { CoffreError, shortId, toByteString } from '@coffre/repository';
import type { ByteString, RestoreSelection, StoredSnapshot } from '@coffre/repository';
import type { Manifest, ManifestSource } from '../manifest/manifest.ts';
import { moduleOf } from '../source/files/module-path.ts';

export type RestoreWhere =
  /** Each thing where it was. */
  | { readonly kind: 'in-place' }
  /** Files below it, with their whole paths; databases as files there too. */
  | { readonly kind: 'target'; readonly to: string };

export type RestorePart =
  | {
      readonly kind: 'files';
      /** Where they were. */
      readonly roots: readonly ByteString[];
      readonly target: ByteString;
    }
  | {
      readonly kind: 'source';
      readonly entry: ManifestSource;
      /** Undefined: where it came from. */
      readonly to: string | undefined;
    };

/** Kinds that become a file below a folder; the others understand a target in their own words. */
const fileKinds: ReadonlySet<string> = new Set(['sqlite', 'command']);

export function becomesFile({ kind }: Pick<ManifestSource, 'kind'>): boolean {
  return fileKinds.has(kind);
}

/** @throws {CoffreError} USAGE */
export function restoreParts(
  { id, snapshot }: StoredSnapshot,
  manifest: Manifest | undefined,
  where: RestoreWhere,
): RestorePart[] {
  const root = where.kind === 'target' ? where.to : '/';
  const files = (paths: readonly string[]): RestorePart[] =>
    paths.length === 0 ? [] : [{ kind: 'files', roots: paths.map(toByteString), target: toByteString(root) }];
  if (manifest === undefined) return files(snapshot.paths);
  const entries = manifest.sources.filter(({ kind }) => kind !== 'files');
  const rootsOfFiles = manifest.sources.flatMap((entry) => (entry.kind === 'files' ? pathsOf(entry) : []));
  const own = entries.filter((entry) => !becomesFile(entry));
  if (where.kind === 'target' && own.length > 1) {
    throw new CoffreError('USAGE', `snapshot ${shortId(id)} holds ${own.length} databases, and there is one --target`, {
      hint: 'Load them one by one: `coffre source load SNAPSHOT NAME --target WHERE`.',
    });
  }
  return [
    ...files(rootsOfFiles),
    ...entries.map((entry): RestorePart => ({ kind: 'source', entry, to: targetOf(entry, where) })),
  ];
}

function targetOf(entry: ManifestSource, where: RestoreWhere): string | undefined {
  if (where.kind === 'in-place') return undefined;
  if (!becomesFile(entry)) return where.to;
  const path = livePath(entry) ?? entry.streams[0]?.path ?? entry.name;
  return join(where.to, path);
}

/** Where a database file was, as its kind recorded it. */
export function livePath({ truth }: ManifestSource): string | undefined {
  const path = typeof truth === 'object' && truth !== null && 'path' in truth ? truth.path : undefined;
  return typeof path === 'string' ? path : undefined;
}

function pathsOf({ truth }: ManifestSource): string[] {
  const paths = typeof truth === 'object' && truth !== null && 'paths' in truth ? truth.paths : undefined;
  if (!Array.isArray(paths)) return [];
  return paths.flatMap((one: unknown) => {
    const path = typeof one === 'object' && one !== null && 'path' in one ? one.path : undefined;
    return typeof path === 'string' ? [path] : [];
  });
}

export type FilesWish = {
  readonly roots: readonly ByteString[];
  /** Only the files of this module; `pattern` holds `{module}` once. */
  readonly module?: { readonly name: string; readonly pattern: string } | undefined;
};

/** The roots and what is below them; folders on the way are made as they are needed. */
export function selectionOf({ roots, module }: FilesWish): RestoreSelection {
  return (path, isFolder) => {
    const isWithin = roots.some((root) => root === '/' || path === root || path.startsWith(`${root}/`));
    const leads = isFolder && (isWithin || roots.some((root) => root.startsWith(`${path}/`)));
    if (module === undefined) return { selected: isWithin, descend: leads };
    const selected = isWithin && !isFolder && moduleOf(module.pattern, path) === module.name;
    return { selected, descend: leads };
  };
}

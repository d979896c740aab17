/** Which configured source is meant, how it is reached, and what a snapshot holds of it. */
import { CoffreError, createFiles, findSnapshot, isCoffreError, messageOf } from '@coffre/repository';
import type { Snapshot, StoredSnapshot } from '@coffre/repository';
import { noGuards } from '../config/config.ts';
import type { Config, SourceConfig, SourceName } from '../config/config.ts';
import { systemSecretDoors } from '../config/read/secrets.ts';
import { loadManifest, type SignedManifest } from '../manifest/verify.ts';
import { chooseBackup } from '../named/choose-backup.ts';
import { factsOf } from '../named/tags.ts';
import { sourceSpecsOf } from '../run/source-spec.ts';
import { openSavedSource, type FoundSource } from '../source-run/saved-source.ts';
import type { SourceSpec } from '../source/source-types.ts';
import type { Cli } from './cli.ts';
import type { DbOptions } from './db.ts';
import { meantRepositories, requireConfigured, type Configured, type MeantRepository } from './meant-repositories.ts';
import type { Session } from './session.ts';

/** Files have verbs of their own. */
export function databasesIn(config: Config): SourceConfig[] {
  return [...config.sources.values()].filter(({ type }) => type !== 'files');
}

export type ChosenSource = { readonly configured: Configured; readonly source: SourceConfig };

/** @throws {CoffreError} USAGE when there is none, or several sites have one of this name */
export async function chosenSource(cli: Cli, name: string, options: DbOptions): Promise<ChosenSource> {
  const configured = await requireConfigured(cli, options.config);
  const all = databasesIn(configured.config);
  const exact = all.filter((source) => source.name === name);
  const found = exact.length > 0 ? exact : all.filter((source) => source.name.endsWith(`/${name}`));
  const [source, second] = found;
  if (source !== undefined && second === undefined) return { configured, source };
  const names = (source === undefined ? all : found).map((one) => one.name).join(', ');
  throw new CoffreError(
    'USAGE',
    `${source === undefined ? 'no database is' : 'several databases are'} called ${JSON.stringify(name)}`,
    { hint: names === '' ? 'The configuration has no databases.' : `Write one of ${names}.` },
  );
}

/** Secrets are read here. @throws {CoffreError} SECRET_UNAVAILABLE */
export async function liveSpecs({ configured, source }: ChosenSource): Promise<readonly SourceSpec[]> {
  const { loaded, config } = configured;
  const doors = systemSecretDoors(loaded.variables);
  return await sourceSpecsOf(source, {
    plan: { guards: noGuards },
    secrets: config.secrets,
    doors,
    files: createFiles(),
  });
}

/** A snapshot of a plan says which source it is of: how that is reached need not be said again. */
export async function specsHere(
  configured: Configured | undefined,
  snapshot: Snapshot,
): Promise<readonly SourceSpec[]> {
  const { source: name } = factsOf(snapshot);
  const source = name === undefined ? undefined : configured?.config.sources.get(name as SourceName);
  if (configured === undefined || source === undefined || source.type === 'files') return [];
  return await liveSpecs({ configured, source });
}

/** For proofs, which need nothing of the live source: where its secrets are out of reach they do without. */
export async function specsForProof(
  configured: Configured | undefined,
  snapshot: Snapshot,
  warn: (line: string) => void,
): Promise<readonly SourceSpec[]> {
  try {
    return await specsHere(configured, snapshot);
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    warn(`the settings of the source are not used: ${messageOf(error)}`);
    return [];
  }
}

export type OpenedBackup = {
  readonly session: Session;
  readonly repository: MeantRepository;
  readonly stored: StoredSnapshot;
  readonly signed: SignedManifest;
  /** One, or one each for a source of several files. */
  readonly sources: readonly FoundSource[];
};

/** In the first repository that has it. The session is the caller's to close. */
export async function openBackup(
  cli: Cli,
  { source }: ChosenSource,
  options: DbOptions,
  word = options.snapshot,
): Promise<OpenedBackup> {
  const meant = await meantRepositories(cli, { ...options, source: source.name });
  let first: unknown;
  for (const repository of meant.repositories) {
    const session = await repository.open('read', { uncached: true });
    try {
      const stored = await pick(session, source.name, word ?? 'latest', meant.zone);
      const indexed = await session.repository.loadIndex();
      const signed = await loadManifest(indexed, stored.snapshot.tree, session.signal);
      const sources = signed.manifest.sources.map((entry) =>
        openSavedSource(indexed, stored.snapshot.tree, entry, session.signal),
      );
      return { session, repository, stored, signed, sources };
    } catch (error) {
      await session[Symbol.asyncDispose]();
      if (!isCoffreError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
      first ??= error;
    }
  }
  throw first;
}

async function pick(
  { repository }: Session,
  source: string,
  word: string,
  zone: Parameters<typeof chooseBackup>[2]['zone'],
): Promise<StoredSnapshot> {
  const around = { zone, nowNs: repository.host.clock.nowNs() };
  const wish = word === 'latest' ? { kind: 'latest' as const } : { kind: 'name' as const, name: word };
  const snapshots = await repository.listSnapshots();
  try {
    const [found] = chooseBackup(snapshots, { which: wish, source }, around);
    if (found !== undefined) return found.snapshots[0]!;
  } catch (error) {
    if (word === 'latest' || !isCoffreError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
  }
  const { id, snapshot } = await findSnapshot(repository, word);
  if (factsOf(snapshot).source === source) return { id, snapshot };
  throw new CoffreError('USAGE', `snapshot ${word} is not one of ${source}`, {
    hint: 'A snapshot that no plan made is loaded by `coffre source load`.',
  });
}

/** What is known of each repository, from the configuration, the history and the disk that it is on. */
import { isAbsolute } from 'node:path';
import type { Config, RepositoryConfig } from '../config/config.ts';
import type { Zones } from '../schedule/zone.ts';
import { leaseHolders } from '../store/leases.ts';
import { keptSince, provedSnapshots, repositorySizes, verificationFigures } from '../store/status-repositories.ts';
import type { VerificationFigures, VerificationRow } from '../store/status-repositories.ts';
import type { Rows } from '../store/store.ts';
import { dueSince } from './due-since.ts';
import type { RepositoryFacts, RoomFacts, VerificationFact } from './facts.ts';
import type { Placed, StatusDoors } from './read-facts.ts';

type Around = { readonly places: readonly Placed[]; readonly zones: Zones; readonly doors: StatusDoors };

export async function repositoryFacts(
  config: Config,
  rows: Rows | undefined,
  around: Around,
): Promise<RepositoryFacts[]> {
  const names = [...config.repositories.keys()];
  const figures = rows === undefined ? [] : await verificationFigures(rows, names);
  return await Promise.all(
    [...config.repositories.values()].map((repository) => factsOf(repository, rows, figures, around)),
  );
}

async function factsOf(
  repository: RepositoryConfig,
  rows: Rows | undefined,
  figures: readonly VerificationFigures[],
  around: Around,
): Promise<RepositoryFacts> {
  const { name } = repository;
  const { doors, zones } = around;
  const own = figures.filter((figure) => figure.repository === name);
  const sizes =
    rows === undefined ? [] : await repositorySizes(rows, { repository: name, plan: `care/${name}` }, sizesMax);
  const heldSinceMs = rows === undefined ? undefined : await heldSince(rows, name, around.places);
  const checkedMs = own
    .filter(({ kind }) => kind === 'check' || kind === 'check-read')
    .flatMap(({ good }) => good?.atMs ?? []);
  const structure = repository.check.structure;
  const sinceMs = checkedMs.length > 0 ? Math.max(...checkedMs) : heldSinceMs;
  return {
    name,
    medium: repository.place.medium,
    place: repository.place.place,
    heldSinceMs,
    isAppendOnly: repository.appendOnly,
    objectLockMs: repository.objectLockMs,
    maintainedBy: repository.maintainedBy,
    verifications: Object.fromEntries(
      own.map(({ kind, newest, good, damaged }) => [
        kind,
        {
          newest: verificationFact(newest),
          good: good && verificationFact(good),
          newestDamaged: damaged && verificationFact(damaged),
        },
      ]),
    ),
    readsWhole: (repository.check.readData?.percent ?? 100) >= 100,
    proved: rows === undefined ? [] : await provedSnapshots(rows, name, provedMax),
    checkDueMs:
      structure === undefined || sinceMs === undefined
        ? undefined
        : dueSince(structure, sinceMs, doors.nowMs, zones).dueMs,
    fullWithinMs: repository.check.fullWithinMs,
    room: await roomFacts(repository, sizes, doors),
    capacityAlertPercent: repository.capacityAlertPercent,
    holders: rows === undefined ? [] : await leaseHolders(rows, name),
  };
}

function verificationFact({ atMs, outcome, detail }: VerificationRow): VerificationFact {
  return { atMs, outcome, detail };
}

const placesMax = 20;
/** Two months of daily lists. */
const sizesMax = 60;
const provedMax = 500;

/** A few of the sources that go there are asked; with thousands of them the answer is the same. */
async function heldSince(rows: Rows, name: string, places: readonly Placed[]): Promise<number | undefined> {
  const asked = places
    .filter(({ plan }) => plan.to === name || plan.copies.some(({ to }) => to === name))
    .slice(0, placesMax);
  const known: number[] = [];
  for (const { plan, source } of asked) {
    const sinceMs = await keptSince(rows, { plan: plan.name, source: source.name, repository: name });
    if (sinceMs !== undefined) known.push(sinceMs);
  }
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Where the configuration says how much may be stored, that counts; but never more than the disk has left. */
async function roomFacts(
  repository: RepositoryConfig,
  sizes: RoomFacts['sizes'],
  { freeSpace }: StatusDoors,
): Promise<RoomFacts | undefined> {
  const { template, secretNames } = repository.url;
  const isFolder = secretNames.length === 0 && isAbsolute(template);
  const disk = isFolder ? await freeSpace(template) : undefined;
  const sizeBytes = sizes.at(-1)?.sizeBytes;
  const declaredBytes = repository.capacityBytes;
  if (declaredBytes !== undefined && sizeBytes !== undefined) {
    const freeBytes = Math.max(0, Math.min(declaredBytes - sizeBytes, disk?.freeBytes ?? Number.POSITIVE_INFINITY));
    return { sizeBytes, freeBytes, capacityBytes: declaredBytes, sizes };
  }
  if (disk === undefined && sizeBytes === undefined) return undefined;
  return { sizeBytes, freeBytes: disk?.freeBytes, capacityBytes: disk?.capacityBytes, sizes };
}

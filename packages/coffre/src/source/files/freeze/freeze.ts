/**
 * A files source at one moment: a read-only snapshot of the file system is taken before the walk and removed after it, on
 * every way out. What a killed run left behind goes with the next one. Paths stay the live ones.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { CoffreError, createFiles, toByteString, type ByteString, type FilePlace } from '@coffre/repository';
import type { SourceContext } from '../../source.ts';
import { takeBtrfs } from './btrfs.ts';
import { takeLvm } from './lvm.ts';
import { isWithin, mountOf, mountsBelow, parseMounts, type Mount } from './mounts.ts';
import { takeZfs } from './zfs.ts';

export type FreezeKind = 'btrfs' | 'zfs' | 'lvm';

/** One snapshot of what is mounted, or of a subvolume. */
export type TakenSnapshot = AsyncDisposable & {
  /** Live path and all below it -> where it is frozen. */
  readonly places: readonly { readonly path: string; readonly readFrom: string }[];
  /** @throws {CoffreError} when the snapshot was lost while it was read */
  stillThere(): Promise<void>;
};

export type Frozen = AsyncDisposable & {
  readonly places: readonly FilePlace[];
  readonly warnings: readonly string[];
  stillThere(): Promise<void>;
};

/** What a kind needs of one path. */
export type FreezeRequest = {
  /** Real, absolute. */
  readonly path: string;
  readonly mount: Mount;
  readonly context: SourceContext;
};

const takers: Readonly<Record<FreezeKind, (request: FreezeRequest) => Promise<TakenSnapshot>>> = {
  btrfs: takeBtrfs,
  zfs: takeZfs,
  lvm: takeLvm,
};

const typesOf: Readonly<Record<FreezeKind, readonly string[]>> = {
  btrfs: ['btrfs'],
  zfs: ['zfs'],
  lvm: ['ext2', 'ext3', 'ext4', 'xfs'],
};

/** @throws {CoffreError} SOURCE_REFUSED where a path is on another file system, SOURCE_COMMAND_FAILED */
export async function freeze(
  kind: FreezeKind,
  paths: readonly string[],
  context: SourceContext,
  mounts: readonly Mount[] = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')),
): Promise<Frozen> {
  await using opened = new AsyncDisposableStack();
  const taken: TakenSnapshot[] = [];
  const places: FilePlace[] = [];
  const warnings: string[] = [];
  for (const live of paths) {
    const path = realpathSync(live);
    let from = frozenPath(taken, path);
    if (from === undefined) {
      const mount = mountOf(mounts, path);
      if (mount === undefined || !typesOf[kind].includes(mount.type)) throw otherType(kind, live, mount);
      const snapshot = opened.use(await takers[kind]({ path, mount, context }));
      taken.push(snapshot);
      from = frozenPath(taken, path);
    }
    if (from === undefined) throw new CoffreError('INTERNAL', `${path} is not in the snapshot that was made for it`);
    places.push(placeOf(live, from));
    for (const { point } of mountsBelow(mounts, path)) {
      // A snapshot holds an empty folder there.
      const own = `${live}${point.slice(path.length)}`;
      places.push({ path: toByteString(own), readFrom: toByteString(point) });
      warnings.push(`${own} is on another file system and is read as it is, not frozen`);
    }
    for (const { path: inner, readFrom } of taken.flatMap((one) => one.places)) {
      if (inner !== path && isWithin(inner, path)) places.push(placeOf(`${live}${inner.slice(path.length)}`, readFrom));
    }
  }
  const closing = opened.move();
  return {
    places,
    warnings,
    stillThere: async () => {
      for (const one of taken) await one.stillThere();
    },
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

function frozenPath(taken: readonly TakenSnapshot[], path: string): string | undefined {
  const found = taken
    .flatMap(({ places }) => places)
    .filter((place) => isWithin(path, place.path))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  return found === undefined
    ? undefined
    : `${found.readFrom}${found.path === '/' ? path : path.slice(found.path.length)}`;
}

function placeOf(live: string, from: string): FilePlace {
  const files = createFiles();
  const [path, readFrom] = [toByteString(live), toByteString(from)] as [ByteString, ByteString];
  return { path, readFrom, device: { from: files.lstat(readFrom).deviceId, to: files.lstat(path).deviceId } };
}

function otherType(kind: FreezeKind, path: string, mount: Mount | undefined): CoffreError {
  return new CoffreError(
    'SOURCE_REFUSED',
    `freeze: ${kind} cannot freeze ${path}, which is on ${mount?.type ?? 'nothing'}`,
    {
      hint: 'Nothing was saved. Leave `freeze` out, or name the kind of the file system.',
    },
  );
}

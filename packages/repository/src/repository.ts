/**
 * A repository that has been opened: backend, config and master key. The index comes with `loadIndex`,
 * so what needs an index takes an `IndexedRepository` and cannot be called without one.
 */
import type { Backend, FileKind } from './backend/backend.ts';
import { fileOf } from './backend/backend.ts';
import { randomPolynomial } from './chunker/polynomial.ts';
import { sha256Hex } from './crypto/hash.ts';
import { release } from './crypto/release.ts';
import { createSealer, randomMasterKey, type MasterKey, type Sealer } from './crypto/seal.ts';
import { CoffreError, isCoffreError, isDamage } from './errors.ts';
import { encodeConfig, parseConfig, type RepositoryConfig } from './format/config.ts';
import { parseSnapshot, type Snapshot } from './format/snapshot.ts';
import { decodeUnpacked, encodeUnpacked } from './format/unpacked.ts';
import type { Host } from './host/context.ts';
import {
  idFromBytes,
  isId,
  shortId,
  type AnyId,
  type IndexId,
  type KeyId,
  type LockId,
  type SnapshotId,
} from './ids.ts';
import { IndexedRepository } from './index/indexed-repository.ts';
import { loadBlobTable, type IndexLoadProgress } from './index/load.ts';
import { findMasterKey, makeKeyFile } from './key.ts';
import { inParallel } from './parallel.ts';
import type { PendingLock } from './lock/lock.ts';
import { withLockGuard, type GuardedBackend } from './lock/lock-guard.ts';

/** More than any honest index, snapshot or lock file opens to; a bomb stops here. */
const unpackedBytesMax = 512 * 1024 * 1024;

export type UnpackedKind = 'index' | 'snapshots' | 'locks';
type IdOf = { index: IndexId; snapshots: SnapshotId; locks: LockId };

export type StoredSnapshot = {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
  /** When the storage took the file in, which nobody who only writes snapshots can choose; absent where it does not tell. */
  readonly storedMs?: number;
};

type ListedId<Kind extends UnpackedKind> = {
  readonly id: IdOf[Kind];
  readonly sizeBytes: number;
  readonly storedMs?: number;
};

export type OpenOptions = {
  readonly backend: Backend;
  readonly host: Host;
  readonly password: string;
  /** Key id (or its beginning) to try first. */
  readonly keyHint?: string;
  /** The key is being derived from now on, on another thread and for a while: time for other work on this one. */
  readonly deriving?: () => void;
  /** What stands before the storage from then on, once it is known which repository this is: its cache, its memory. */
  readonly wrap?: (backend: Backend, config: RepositoryConfig) => Backend | Promise<Backend>;
};

export class Repository {
  readonly backend: GuardedBackend;
  readonly host: Host;
  readonly config: RepositoryConfig;
  readonly keyId: KeyId;
  readonly masterKey: MasterKey;
  /** Seals and opens under the master key, for the thread that opened the repository. */
  readonly sealer: Sealer;

  constructor(parts: { backend: Backend; host: Host; config: RepositoryConfig; keyId: KeyId; masterKey: MasterKey }) {
    this.backend = withLockGuard(parts.backend, { appendOnly: parts.config.foreign.append_only === true });
    this.host = parts.host;
    this.config = parts.config;
    this.keyId = parts.keyId;
    this.masterKey = parts.masterKey;
    this.sealer = createSealer(parts.masterKey);
  }

  /** Called by `startLock`: writes wait until the lock is held, and again while it is in doubt. */
  guardBy(lock: PendingLock): void {
    this.backend.guardBy(lock);
  }

  /** Name verified, opened, decompressed: the JSON bytes. @throws {CoffreError} REPO_FILE_DAMAGED */
  async loadUnpacked(kind: UnpackedKind, id: AnyId): Promise<Buffer> {
    const bytes = await loadNamed(this.backend, kind, id);
    try {
      return decodeUnpacked(this.config.version, this.sealer.open(bytes), unpackedBytesMax);
    } catch (error) {
      throw damagedFile(kind, id, 'it cannot be opened', error);
    }
  }

  async saveUnpacked<Kind extends UnpackedKind>(kind: Kind, json: Buffer): Promise<IdOf[Kind]> {
    const plain = encodeUnpacked(this.config.version, json);
    const sealed = this.sealer.seal(plain, this.host.random);
    if (plain !== json) release(plain);
    const opened = this.sealer.open(sealed);
    const back = decodeUnpacked(this.config.version, opened, unpackedBytesMax);
    const isSame = back.equals(json);
    // The text of an index is several megabytes, at the very moment when most memory is in use.
    for (const bytes of [back, opened]) release(bytes);
    if (!isSame) throw new CoffreError('INTERNAL', `a sealed ${kind} file does not open again`);
    const id = sha256Hex(sealed) as IdOf[Kind];
    await this.backend.save(fileOf(kind, id), [sealed]);
    return id;
  }

  async remove(kind: FileKind, id: AnyId): Promise<void> {
    await this.backend.remove(fileOf(kind, id));
  }

  async listIds<Kind extends UnpackedKind>(kind: Kind): Promise<ListedId<Kind>[]> {
    const all: ListedId<Kind>[] = [];
    for await (const { name, sizeBytes, storedMs } of this.backend.list(kind)) {
      if (!isId(name)) continue;
      all.push({ id: name as IdOf[Kind], sizeBytes, ...(storedMs === undefined ? {} : { storedMs }) });
    }
    return all;
  }

  async loadSnapshot(id: SnapshotId): Promise<Snapshot> {
    const json = await this.loadUnpacked('snapshots', id);
    try {
      return parseSnapshot(json);
    } catch (error) {
      throw damagedFile('snapshots', id, 'it is not a snapshot', error);
    }
  }

  /** Every readable snapshot, in no order. Unreadable files are reported and skipped: garbage never blocks a restore. */
  async listSnapshots(): Promise<StoredSnapshot[]> {
    const files = await this.listIds('snapshots');
    const found: StoredSnapshot[] = [];
    await inParallel(files, this.backend.connectionsMax, async ({ id, storedMs }) => {
      try {
        found.push({ id, snapshot: await this.loadSnapshot(id), ...(storedMs === undefined ? {} : { storedMs }) });
      } catch (error) {
        // Removed by a forget between the listing and now: not news.
        if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return;
        if (!isDamage(error)) throw error;
        this.host.warn({ about: `snapshot ${shortId(id)} is unreadable and left out`, error });
      }
    });
    return found;
  }

  async loadIndex(options: { progress?: IndexLoadProgress } = {}): Promise<IndexedRepository> {
    return new IndexedRepository(this, await loadBlobTable(this, options.progress));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend.close();
  }
}

function damagedFile(kind: UnpackedKind | 'keys', id: AnyId, why: string, cause?: unknown): CoffreError {
  return new CoffreError('REPO_FILE_DAMAGED', `the file ${kind}/${shortId(id)} is damaged: ${why}`, {
    hint: 'Run `coffre check` to see what depends on it.',
    cause,
  });
}

/** Loads a file and compares its hash with its name; a mismatch is read again once, for a storage that lied once. */
async function loadNamed(backend: Backend, kind: UnpackedKind, id: AnyId): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await backend.load(fileOf(kind, id));
    if (sha256Hex(bytes) === id) return bytes;
    if (attempt === 2) throw damagedFile(kind, id, 'its contents do not match its name');
  }
}

/** @param search when the caller began to look for the key before this file was loaded */
export async function openRepository(
  options: OpenOptions,
  search?: ReturnType<typeof findMasterKey>,
): Promise<Repository> {
  const { backend, host } = options;
  const sealedConfig = await loadConfigFile(backend);
  const { keyId, masterKey } = await (search ?? findMasterKey(options));
  let plain: Buffer;
  try {
    plain = createSealer(masterKey).open(sealedConfig);
  } catch (error) {
    throw new CoffreError('REPO_CONFIG_DAMAGED', `the config of ${backend.location} cannot be opened`, {
      hint: 'The file is damaged; take it from a copy of the repository.',
      cause: error,
    });
  }
  const config = parseConfig(plain);
  const wrapped = (await options.wrap?.(backend, config)) ?? backend;
  return new Repository({ backend: wrapped, host, config, keyId, masterKey });
}

async function loadConfigFile(backend: Backend): Promise<Buffer> {
  try {
    return await backend.load({ kind: 'config' });
  } catch (error) {
    if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
    throw new CoffreError('REPO_NOT_FOUND', `there is no repository at ${backend.location}`, {
      hint: 'Check the address, or make one with `coffre init`.',
      cause: error,
    });
  }
}

export type InitOptions = {
  readonly backend: Backend;
  readonly host: Host;
  readonly password: string;
  readonly version?: 1 | 2;
  /** Of another repository, so that both cut files alike; random when absent. */
  readonly polynomial?: bigint;
};

export async function initRepository(options: InitOptions): Promise<Repository> {
  const { backend, host } = options;
  await refuseExisting(backend);
  await backend.create();
  const masterKey = randomMasterKey(host.random);
  const config: RepositoryConfig = {
    version: options.version ?? 2,
    id: idFromBytes(host.random.bytes(32)),
    chunkerPolynomial: options.polynomial ?? randomPolynomial(host.random),
    foreign: {},
  };
  const { keyId, bytes } = await makeKeyFile({ host, masterKey, password: options.password });
  await backend.save({ kind: 'keys', name: keyId }, [bytes]);
  // The config comes last: a repository exists from the moment its config does.
  await backend.save({ kind: 'config' }, [createSealer(masterKey).seal(encodeConfig(config), host.random)]);
  return new Repository({ backend, host, config, keyId, masterKey });
}

async function refuseExisting(backend: Backend): Promise<void> {
  const exists = (): CoffreError =>
    new CoffreError('REPO_EXISTS', `there is a repository at ${backend.location} already`, {
      hint: 'Use it as it is, or choose another place.',
    });
  try {
    await backend.stat({ kind: 'config' });
  } catch (error) {
    if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
    for await (const key of backend.list('keys')) {
      throw new CoffreError('REPO_EXISTS', `${backend.location} holds the key ${key.name.slice(0, 8)} but no config`, {
        hint: 'An init was interrupted or the config is lost; empty the folder first if it holds nothing you need.',
      });
    }
    return;
  }
  throw exists();
}

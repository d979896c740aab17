/**
 * From version 1 to 2: the config is written anew, and nothing else. A storage that cannot replace a file loses it first,
 * so the new one lies in the repository meanwhile, as a pack with one blob: other programs take it for a pack that no index
 * names, and `recoverConfig` finds it from any machine that knows the password. It is the new one because that fits both
 * before and after: whatever version 1 wrote is valid in version 2.
 *
 *   blob  "coffre config copy\n" ‖ the config, JSON
 */
import type { Backend } from '../backend/backend.ts';
import { ZstdCodec } from '../compress/zstd-codec.ts';
import { NonceSource } from '../crypto/nonce-source.ts';
import { createSealer } from '../crypto/seal.ts';
import { assert, CoffreError, isCoffreError, isDamage } from '../errors.ts';
import { encodeConfig, parseConfig, type RepositoryConfig } from '../format/config.ts';
import { isId, parseId, type PackId } from '../ids.ts';
import { findMasterKey, type KeySearch } from '../key.ts';
import { BulkSealer } from '../pack/bulk-sealer.ts';
import { blobIdOf, PackBuffer } from '../pack/pack-buffer.ts';
import { openBlob, readPackHeader } from '../pack/pack-read.ts';
import type { Repository } from '../repository.ts';

const copyMark = Buffer.from('coffre config copy\n');
/** A pack with a copy of a config is smaller, whatever other programs wrote into it. */
const copyPackBytesMax = 64 * 1024;
const configFile = { kind: 'config' } as const;

/**
 * The caller holds an exclusive lock and has checked the repository. The repository that was handed in keeps thinking in
 * version 1: open it again.
 * @throws {CoffreError} MIGRATION_FAILED
 */
export async function upgradeRepository(repository: Repository): Promise<RepositoryConfig> {
  const { backend, sealer, host } = repository;
  const oldFile = await backend.load(configFile);
  const old = parseConfig(sealer.open(oldFile));
  if (old.version !== 1) {
    throw new CoffreError(
      'MIGRATION_FAILED',
      `repository has version ${old.version}, only upgrades from version 1 are supported`,
      { hint: 'Nothing is to be done.' },
    );
  }
  const upgraded: RepositoryConfig = { ...old, version: 2 };
  const newPlain = encodeConfig(upgraded);
  assert(
    encodeConfig({ ...parseConfig(newPlain), version: 1 }).equals(encodeConfig(old)),
    'the new config lacks something',
  );
  const copy = await saveCopy(repository, newPlain);
  try {
    await replaceConfig(backend, sealer.seal(newPlain, host.random));
    const stored = sealer.open(await backend.load(configFile));
    assert(stored.equals(newPlain), 'the new config does not read back');
  } catch (error) {
    throw await undone(backend, oldFile, error);
  }
  await removeCopy(repository, copy);
  return upgraded;
}

/** S3 replaces files, and refuses to replace a config: it may be that of another `init`. */
async function replaceConfig(backend: Backend, bytes: Buffer): Promise<void> {
  if (backend.replacesAtomically) {
    try {
      return await backend.save(configFile, [bytes]);
    } catch (error) {
      if (!isCoffreError(error, 'BACKEND_EXISTS')) throw error;
    }
  }
  await backend.remove(configFile);
  await backend.save(configFile, [bytes]);
}

async function saveCopy({ backend, masterKey, host }: Repository, plain: Uint8Array): Promise<PackId> {
  using sealer = new BulkSealer(masterKey);
  const pack = new PackBuffer('data', {
    sealer,
    nonces: new NonceSource(host.random),
    codec: new ZstdCodec(),
    version: 1,
    compression: 'off',
    targetBytes: copyPackBytesMax,
  });
  const bytes = Buffer.concat([copyMark, plain]);
  pack.append(blobIdOf(bytes).id, bytes);
  const { id, buffer, sizeBytes } = pack.finish();
  await backend.save({ kind: 'data', name: id }, [new Uint8Array(buffer, 0, sizeBytes)]);
  return id;
}

/** Left over it is no harm: a prune takes it away. */
async function removeCopy({ backend, host }: Pick<Repository, 'backend' | 'host'>, id: PackId): Promise<void> {
  try {
    await backend.remove({ kind: 'data', name: id });
  } catch (error) {
    host.warn({ about: 'the copy of the config could not be removed and stays until the next prune', error });
  }
}

/** Puts the old config back where there is none. */
async function undone(backend: Backend, oldFile: Buffer, cause: unknown): Promise<CoffreError> {
  const why = cause instanceof Error ? cause.message : String(cause);
  const failed = (hint: string): CoffreError =>
    new CoffreError('MIGRATION_FAILED', `the new config could not be written: ${why}`, { hint, cause });
  try {
    if (await isThere(backend)) return failed('The repository works as before; run the same command again.');
    await backend.save(configFile, [oldFile]);
    return failed('The old config is back and the repository works as before; run the same command again.');
  } catch {
    return failed(
      'The repository may have no config now. Run `coffre migrate`: it finishes the upgrade from a copy of the config.',
    );
  }
}

async function isThere(backend: Backend): Promise<boolean> {
  try {
    await backend.stat(configFile);
    return true;
  } catch (error) {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return false;
    throw error;
  }
}

/**
 * For a repository whose upgrade was killed where the config was gone: it is of version 2 then.
 * @returns false when there is no copy, or a config
 * @throws {CoffreError} REPO_PASSWORD_WRONG; REPO_NOT_FOUND when there is no key either
 */
export async function recoverConfig(search: KeySearch): Promise<boolean> {
  const { backend, host } = search;
  if (await isThere(backend)) return false;
  const { masterKey } = await findMasterKey(search);
  const sealer = createSealer(masterKey);
  for await (const { name, sizeBytes } of backend.list('data')) {
    if (!isId(name) || sizeBytes > copyPackBytesMax) continue;
    const id = parseId<PackId>(name);
    const plain = await readCopy(backend, sealer, { id, sizeBytes });
    if (plain === undefined) continue;
    await backend.save(configFile, [sealer.seal(plain, host.random)]);
    await removeCopy({ backend, host } as Pick<Repository, 'backend' | 'host'>, id);
    return true;
  }
  return false;
}

/** Undefined when the pack is another one. */
async function readCopy(
  backend: Backend,
  sealer: Repository['sealer'],
  pack: { readonly id: PackId; readonly sizeBytes: number },
): Promise<Buffer | undefined> {
  try {
    const [blob, ...more] = await readPackHeader(backend, sealer, pack.id, pack.sizeBytes);
    if (blob === undefined || more.length > 0 || blob.type !== 'data') return undefined;
    const { offset, length } = blob;
    const sealed = await backend.load({ kind: 'data', name: pack.id }, { offset, length });
    const plain = openBlob(sealer, blob, sealed);
    if (!plain.subarray(0, copyMark.length).equals(copyMark)) return undefined;
    const config = plain.subarray(copyMark.length);
    parseConfig(config);
    return config;
  } catch (error) {
    const isOther = ['REPO_PACK_DAMAGED', 'REPO_BLOB_DAMAGED', 'REPO_CONFIG_DAMAGED', 'BACKEND_NOT_FOUND'] as const;
    if (isDamage(error) || isOther.some((code) => isCoffreError(error, code))) return undefined;
    throw error;
  }
}

/**
 * A repository whose index is as large as wanted: sealed index files that restic opens too, naming packs that are not
 * there, and one real blob to look up among them.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { initRepository } from '../../packages/repository/src/repository.ts';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { encodeIndexFile, type IndexedPack } from '../../packages/repository/src/format/index-file.ts';
import { createFiles } from '../../packages/repository/src/host/files.ts';
import { systemClock, systemIdentity, systemRandom } from '../../packages/repository/src/host/system.ts';
import { idFromBytes, type BlobId, type PackId } from '../../packages/repository/src/ids.ts';
import { password } from '../tools/tool.ts';
import { ByteStream, drawFrom, type Draw } from './content.ts';

/** As restic writes them. */
const blobsPerIndex = 50_000;
const blobsPerPack = 40;

export type IndexFixture = { readonly repository: string; readonly blobId: string; readonly blobs: number };

export async function makeIndexFixture(folder: string, blobs: number): Promise<IndexFixture> {
  const repository = `${folder}/index-${blobs}`;
  const mark = `${repository}.recipe.json`;
  if (existsSync(mark)) return { repository, blobs, ...(JSON.parse(readFileSync(mark, 'utf8')) as { blobId: string }) };
  rmSync(repository, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const host = {
    clock: systemClock(),
    random: systemRandom(),
    identity: systemIdentity(),
    files: createFiles(),
    warn: () => undefined,
  };
  await using opened = await initRepository({ backend: createLocalBackend({ path: repository }), host, password });
  const writer = (await opened.loadIndex()).openWriter({});
  const { id } = await writer.saveBlob('data', Buffer.from('The blob that the measurement looks up.\n'));
  await writer.flush();
  const ids = new ByteStream(`index of ${blobs}`);
  const draw = drawFrom(`index of ${blobs}`);
  for (let made = 0; made < blobs; made += blobsPerIndex) {
    const packs = Math.ceil(Math.min(blobsPerIndex, blobs - made) / blobsPerPack);
    const file = encodeIndexFile({ packs: Array.from({ length: packs }, () => inventedPack(ids, draw)) });
    await opened.saveUnpacked('index', file);
  }
  writeFileSync(mark, JSON.stringify({ blobId: id }));
  return { repository, blobs, blobId: id };
}

function inventedPack(ids: ByteStream, draw: Draw): IndexedPack {
  const type = draw() < 0.05 ? 'tree' : 'data';
  let offset = 0;
  const blobs = Array.from({ length: blobsPerPack }, () => {
    const uncompressedLength = 2_000 + Math.floor(draw() * 700_000);
    const length = 32 + Math.floor(uncompressedLength * (0.2 + 0.8 * draw()));
    const blob = { id: idFromBytes<BlobId>(ids.take(32)), type, offset, length, uncompressedLength } as const;
    offset += length;
    return blob;
  });
  return { id: idFromBytes<PackId>(ids.take(32)), blobs };
}

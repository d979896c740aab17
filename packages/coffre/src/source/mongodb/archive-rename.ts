/**
 * An archive with other names in it, and only some of its collections. mongorestore could rename by patterns, but in its
 * patterns `*`, `$` and `\` mean something, and names may hold them; here a name is a name. What goes through is checked
 * whole on the way, so that a damaged archive never ends well.
 */
import {
  ArchiveReader,
  archiveMagic,
  damagedArchive,
  isOplog,
  type ArchivedCollection,
  type BlockHeader,
  type Prelude,
} from './archive.ts';
import { withTexts } from './bson.ts';

export type Place = { readonly database: string; readonly collection: string };

const terminator = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/**
 * @param placeOf where a collection goes; undefined leaves it out
 * @param oplog is told every entry of the oplog, lent
 * @throws {CoffreError} SOURCE_INVALID
 */
export async function* renameArchive(
  archive: AsyncIterable<Uint8Array>,
  placeOf: (collection: ArchivedCollection) => Place | undefined,
  oplog?: (entry: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  let written: Uint8Array[] = [];
  let isWanted = false;
  const reader = new ArchiveReader({
    ...(oplog === undefined ? {} : { document: oplog, wantsDocuments: isOplog }),
    prelude: (prelude) => void written.push(preludeOf(prelude, placeOf)),
    block: (header) => {
      const place = placeOf(header.collection);
      isWanted = place !== undefined;
      if (place !== undefined) written.push(blockHeaderOf(header, place));
    },
    body: (bytes) => void (isWanted && written.push(bytes)),
    blockEnd: () => void (isWanted && written.push(terminator)),
  });
  for await (const piece of archive) {
    reader.push(piece);
    yield* written;
    written = [];
  }
  reader.end();
}

function preludeOf({ header, collections }: Prelude, placeOf: (one: ArchivedCollection) => Place | undefined): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(archiveMagic);
  const listed = collections.flatMap((one) => {
    const place = placeOf(one);
    if (place === undefined) return [];
    const metadata = one.metadata === '' ? '' : metadataOf(one.metadata, place);
    return [withTexts(one.fields, { db: place.database, collection: place.collection, metadata })];
  });
  return Buffer.concat([magic, header, ...listed, terminator]);
}

/** Options and indexes stay as they are; the name is told a second time there. */
function metadataOf(metadata: string, place: Place): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(metadata);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) throw damagedArchive('the options of a collection cannot be read');
  return JSON.stringify({ ...parsed, collectionName: place.collection });
}

function blockHeaderOf({ collection, fields }: BlockHeader, place: Place): Buffer {
  const name = collection.type === 'timeseries' ? `system.buckets.${place.collection}` : place.collection;
  return withTexts(fields, { db: place.database, collection: name });
}

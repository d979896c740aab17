/** A bit of everything that a MongoDB server takes: names, types, kinds of collections and of indexes. */
import { createHash } from 'node:crypto';
import { BSON, GridFSBucket, type Document, type MongoClient } from 'mongodb';
import { everyType } from '../../packages/coffre/src/source/mongodb/testing/every-type.ts';

const awkward = [
  'with-dash',
  '-leading',
  "qu'ote",
  'new\nline',
  '`id`',
  'säule',
  '--host=evil',
  'a%2fb',
  'star*',
  '😀',
];
const onlyCollections = [
  'a.b.c',
  ' lead',
  'trail ',
  'a"b',
  'a\\b',
  'a/b',
  'ends.',
  'a..b',
  'oplog',
  '*',
  'coffre_load',
];

export async function fillWithEverything(client: MongoClient): Promise<void> {
  for (const name of awkward) await client.db(name).collection('c').insertOne({ name });
  const names = client.db('names');
  for (const name of [...awkward, ...onlyCollections]) await names.collection(name).insertOne({ name });
  await fillTypes(client);
  await fillKinds(client);
  await fillIndexes(client);
}

async function fillTypes(client: MongoClient): Promise<void> {
  const types = client.db('types');
  await types.collection('every').insertOne(BSON.deserialize(everyType(), { promoteValues: false, bsonRegExp: true }));
  const keys = [
    { a: 1, z: 2 },
    new BSON.MinKey(),
    new Date(-5),
    null,
    BSON.Long.MAX_VALUE,
    BSON.Decimal128.fromString('1.0'),
  ];
  for (const key of keys) await types.collection<{ _id: unknown }>('keys').insertOne({ _id: key });
  // With its key and its name just as large as a document may be.
  const fill = 'x'.repeat(16 * 1024 * 1024 - 38);
  await types.collection<{ _id: number; fill: string }>('large').insertOne({ _id: 1, fill });
}

async function fillKinds(client: MongoClient): Promise<void> {
  const kinds = client.db('kinds');
  const capped = await kinds.createCollection('capped', { capped: true, size: 10_000, max: 5 });
  await capped.insertMany(Array.from({ length: 9 }, (_, n) => ({ n })));
  const timeseries = { timeField: 'at', metaField: 'where' };
  const weather = await kinds.createCollection('weather', { timeseries, expireAfterSeconds: 1e9 });
  const hours = Array.from({ length: 300 }, (_, n) => ({ at: new Date(1.7e12 + n * 3_600_000), where: n % 3, n }));
  await weather.insertMany(hours);
  await weather.createIndex({ where: 1, at: -1 }, {}, {});
  const valid = await kinds.createCollection('valid', {
    validator: { n: { $type: 'int' } },
    validationLevel: 'moderate',
  });
  await valid.insertMany([{ n: 1 }]);
  await valid.insertOne({ n: 'of old' }, { bypassDocumentValidation: true });
  const collated = await kinds.createCollection('collated', { collation: { locale: 'de', strength: 1 } });
  await collated.createIndex({ n: 1 }, { collation: { locale: 'simple' } }, {});
  const { version } = await kinds.admin().serverInfo();
  if (Number.parseInt(String(version), 10) >= 6) {
    const clustered = { key: { _id: 1 }, unique: true, name: 'cluster key' } as const;
    await (await kinds.createCollection('clustered', { clusteredIndex: clustered })).insertOne({});
    await kinds.createCollection('watched', { changeStreamPreAndPostImages: { enabled: true } });
  }
  await kinds.createCollection('view', { viewOn: 'weather', pipeline: [{ $match: { n: { $gt: 50 } } }] });
  await kinds.createCollection('view of a view', { viewOn: 'view', pipeline: [] });
  await kinds.collection<{ _id: string }>('system.js').insertOne({ _id: 'f' });
  await new Promise<void>((resolve, reject) => {
    const file = new GridFSBucket(client.db('files')).openUploadStream('photo');
    file.on('finish', resolve).on('error', reject).end(Buffer.alloc(600_000, 5));
  });
}

async function fillIndexes(client: MongoClient): Promise<void> {
  const indexed = client.db('kinds').collection('indexed');
  const loc = { type: 'Point', coordinates: [1, 5] };
  await indexed.insertMany(
    Array.from({ length: 20 }, (_, n) => ({ n, loc, at: new Date(), text: 'a fox', pair: [n, 2] })),
  );
  const indexes: [Record<string, unknown>, Record<string, unknown>][] = [
    [{ at: 1 }, { expireAfterSeconds: 3_600_000 }],
    [{ text: 'text' }, { weights: { text: 10 }, default_language: 'german' }],
    [{ loc: '2dsphere' }, {}],
    [{ pair: '2d' }, { min: -200, max: 200 }],
    [{ 'sub.$**': 1 }, {}],
    [{ '$**': 1 }, { wildcardProjection: { n: 1 } }],
    [{ n: 'hashed' }, {}],
    [{ n: 1 }, { unique: true, partialFilterExpression: { n: { $gt: 5 } } }],
    [
      { m: BSON.Long.fromNumber(1), n: 1.5 },
      { sparse: true, hidden: true, name: `$(id) "q" 'it'` },
    ],
  ];
  for (const [key, options] of indexes) await indexed.createIndex(key as Record<string, 1>, options, {});
}

/** Content, options and indexes of every collection of a server's users, as bytes that two servers can be compared by. */
export async function fingerprint(client: MongoClient): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const { databases } = await client.db().admin().listDatabases();
  for (const { name } of databases.filter(({ name: one }) => !['admin', 'config', 'local'].includes(one))) {
    for (const listed of await client.db(name).listCollections().toArray()) {
      if (listed.name === 'system.views') continue;
      const collection = client.db(name).collection(listed.name);
      const hash = createHash('sha256');
      for await (const one of collection.find({}, { raw: true, sort: { _id: 1 } }))
        hash.update(one as unknown as Buffer);
      const indexes = listed.type === 'view' ? [] : await collection.indexes();
      indexes.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1));
      const schema = BSON.EJSON.stringify([
        listed.type ?? null,
        (listed as { options?: Document }).options ?? {},
        indexes,
      ]);
      found.set(`${name}.${listed.name}`, `${hash.digest('hex')} ${schema}`);
    }
  }
  return found;
}

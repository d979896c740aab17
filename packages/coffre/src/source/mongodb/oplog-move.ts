/**
 * The oplog of a dump for collections that have other names now, and for some of them only. Pure. Entries name what they
 * change; whatever they name that was not loaded is left out, so that nothing else on the server is touched.
 *
 *   entry = document {op: "i" | "u" | "d", ns: "DATABASE.COLLECTION", ui, o, o2, …}
 *         | document {op: "c", ns: "DATABASE.$cmd", o: {COMMAND: "COLLECTION", …}, …}
 *         | document {op: "c", ns: "admin.$cmd", o: {applyOps: [entries], …}, …}              (transactions)
 *         | document {op: "n", …}                                                             (signs of life)
 */
import type { Place } from './archive-rename.ts';
import { bsonType, fieldsOf, textElement, textIn, withElements, type BsonField } from './bson.ts';

export type OplogPlaces = {
  /** Where collections of the archive are, by their old names; a time series under its own. */
  readonly loaded: ReadonlyMap<string, Place>;
  /** For a collection that was made while the dump ran; undefined leaves it out. */
  newPlace(place: Place): Place | undefined;
};

/** What mongorestore does not do to a collection that is there. */
export type IndexCommand = {
  readonly place: Place;
  readonly command: 'dropIndexes' | 'collMod';
  readonly bson: Buffer;
};

const bucketPrefix = 'system.buckets.';
const onCollections = new Set([
  'create',
  'drop',
  'createIndexes',
  'commitIndexBuild',
  'convertToCapped',
  'emptycapped',
]);
const onIndexes = new Set(['dropIndexes', 'deleteIndexes', 'dropIndex', 'deleteIndex']);
const ofTransactions = new Set(['commitTransaction', 'abortTransaction']);

export class OplogMover {
  readonly #places: OplogPlaces;
  /** What is there at this point of the oplog. */
  readonly #there: Map<string, Place>;
  readonly #made = new Map<string, Place>();
  readonly #indexCommands: IndexCommand[] = [];

  constructor(places: OplogPlaces) {
    this.#places = places;
    this.#there = new Map(places.loaded);
  }

  /** Places of collections that the archive does not have, by the names they had. */
  get made(): ReadonlyMap<string, Place> {
    return this.#made;
  }

  get indexCommands(): readonly IndexCommand[] {
    return this.#indexCommands;
  }

  /** @returns undefined when nothing of it is wanted. @throws {CoffreError} SOURCE_INVALID */
  entry(bytes: Uint8Array): Buffer | undefined {
    const fields = fieldsOf(bytes);
    const [op, name] = [textIn(fields, 'op') ?? '', textIn(fields, 'ns') ?? ''];
    switch (op) {
      case 'i':
      case 'u':
      case 'd':
        return this.#change(fields, name);
      case 'c':
        return this.#command(fields, databaseOf(name));
      default:
        return undefined;
    }
  }

  #change(fields: readonly BsonField[], name: string): Buffer | undefined {
    const dot = name.indexOf('.');
    const collection = name.slice(dot + 1);
    const isBucket = collection.startsWith(bucketPrefix);
    const place = this.#there.get(isBucket ? `${name.slice(0, dot)}.${collection.slice(bucketPrefix.length)}` : name);
    if (place === undefined) return undefined;
    return written(fields, { ns: `${place.database}.${isBucket ? bucketPrefix : ''}${place.collection}` });
  }

  #command(fields: readonly BsonField[], database: string): Buffer | undefined {
    const inner = fields.find(({ name }) => name === 'o');
    const [first, ...rest] = inner === undefined ? [] : fieldsOf(inner.value);
    if (first === undefined) return undefined;
    if (ofTransactions.has(first.name)) return written(fields, {});
    if (first.name === 'applyOps') return written(fields, {}, withElements([this.#nested(first), ...wholes(rest)]));
    const collection = textIn([first], first.name);
    if (collection === undefined) return undefined;
    const place = this.#placeFor(first.name, { database, collection });
    if (place === undefined) return undefined;
    const moved = withElements([textElement(first.name, place.collection), ...wholes(rest)]);
    if (onIndexes.has(first.name) || (first.name === 'collMod' && rest.some(({ name }) => name === 'index'))) {
      const command = first.name === 'collMod' ? first.name : 'dropIndexes';
      this.#indexCommands.push({ place, command, bson: moved });
      return undefined;
    }
    return written(fields, { ns: `${place.database}.$cmd` }, moved);
  }

  #placeFor(command: string, named: Place): Place | undefined {
    const name = `${named.database}.${named.collection}`;
    const place = this.#there.get(name);
    if (command === 'create') {
      if (place !== undefined || named.collection.startsWith('system.')) return undefined;
      const found = this.#places.loaded.get(name) ?? this.#made.get(name) ?? this.#places.newPlace(named);
      if (found === undefined) return undefined;
      this.#there.set(name, found);
      if (!this.#places.loaded.has(name)) this.#made.set(name, found);
      return found;
    }
    if (command === 'drop') this.#there.delete(name);
    return onCollections.has(command) || onIndexes.has(command) || command === 'collMod' ? place : undefined;
  }

  /** Empty, it is still a part of its transaction. */
  #nested(list: BsonField): Buffer {
    const entries = fieldsOf(list.value).flatMap(({ value }) => this.entry(value) ?? []);
    const elements = entries.map((entry, at) => element(bsonType.document, String(at), entry));
    return element(bsonType.list, list.name, withElements(elements));
  }
}

function databaseOf(name: string): string {
  return name.slice(0, name.indexOf('.'));
}

function wholes(fields: readonly BsonField[]): Buffer[] {
  return fields.map(({ whole }) => whole);
}

/** Without the id that the collection had where it was dumped. */
function written(fields: readonly BsonField[], texts: { readonly ns?: string }, content?: Buffer): Buffer {
  const kept = fields.filter(({ name }) => name !== 'ui');
  const elements = kept.map((field) => {
    if (field.name === 'ns' && texts.ns !== undefined) return textElement('ns', texts.ns);
    return field.name === 'o' && content !== undefined ? element(bsonType.document, 'o', content) : field.whole;
  });
  return withElements(elements);
}

function element(type: number, name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), value]);
}

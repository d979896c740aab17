/**
 * What `documentSchema` makes of a valid file, in a fraction of its time: what nobody wrote is not checked again for each
 * of ten thousand plans but shared, and so is what the same words mean. It goes by the schema's own definition and leaves
 * each single value to it. Anything that is not valid is left to the schema altogether, which says why.
 *
 * A test compares both on everything that this one reads.
 */
import { z } from 'zod';
import { plainOf } from '../located.ts';
import type { Located, LocatedMap, Scalar } from '../located.ts';
import type { ConfigDocument } from './document.ts';
import { documentSchema } from './document.ts';

const refused: unique symbol = Symbol('refused');
type Read = (value: Located) => unknown;

/** Undefined for what is not valid. */
export function readBriskly(root: Located): ConfigDocument | undefined {
  const value = new BriskReader().readerOf(documentSchema)(root);
  return value === refused ? undefined : (value as ConfigDocument);
}

/** So that texts that are all different, as paths, are not all kept. */
const meaningsMax = 500;
/** Values that are one word, number or truth value. */
const singleTypes: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'enum', 'literal']);

class BriskReader {
  readonly #readers = new Map<z.core.$ZodType, Read>();

  readerOf(schema: z.core.$ZodType): Read {
    const known = this.#readers.get(schema);
    if (known !== undefined) return known;
    const made = this.#newReader(schema);
    this.#readers.set(schema, made);
    return made;
  }

  #newReader(schema: z.core.$ZodType): Read {
    if ((schema._zod.def.checks?.length ?? 0) > 0 || schema instanceof z.ZodPipe) return wholeReader(schema);
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return this.readerOf(schema.def.innerType);
    if (schema instanceof z.ZodObject) return isShareable(schema) ? this.#mapReader(schema) : wholeReader(schema);
    if (schema instanceof z.ZodRecord) return this.#namesReader(schema);
    if (schema instanceof z.ZodArray) return this.#listReader(schema);
    if (schema instanceof z.ZodDiscriminatedUnion) return this.#formReader(schema);
    if (schema instanceof z.ZodUnion) return this.#firstReader(schema.def.options);
    return wholeReader(schema);
  }

  /** The order of the keys is that of the schema, whatever that of the file. */
  #mapReader(schema: z.ZodObject): Read {
    const keys = Object.entries(schema.shape as z.core.$ZodShape).map(([key, of]) => {
      const unsaid = z.safeParse(of, undefined);
      const usual: unknown = unsaid.success ? frozen(unsaid.data) : refused;
      return { key, usual, read: this.#later(of) };
    });
    return (value) => {
      if (value.kind !== 'map') return refused;
      const plain: Record<string, unknown> = {};
      let found = 0;
      for (const { key, usual, read } of keys) {
        const entry = value.entries.get(key);
        const inner = entry === undefined ? usual : read(entry.value);
        if (inner === refused) return refused;
        if (entry !== undefined) found += 1;
        if (inner !== undefined) plain[key] = inner;
      }
      return found === value.entries.size ? plain : refused;
    };
  }

  #namesReader(schema: z.ZodRecord): Read {
    const { keyType, valueType } = schema.def;
    const read = this.readerOf(valueType);
    return (value) => {
      if (value.kind !== 'map') return refused;
      const plain: Record<string, unknown> = {};
      for (const [name, entry] of value.entries) {
        const inner = z.safeParse(keyType, name).success ? read(entry.value) : refused;
        if (inner === refused) return refused;
        plain[name] = inner;
      }
      return plain;
    };
  }

  #listReader(schema: z.ZodArray): Read {
    const read = this.readerOf(schema.def.element);
    return (value) => {
      if (value.kind !== 'list') return refused;
      const plain: unknown[] = [];
      for (const item of value.items) {
        const inner = read(item);
        if (inner === refused) return refused;
        plain.push(inner);
      }
      return plain;
    };
  }

  /** The form that the discriminator names. */
  #formReader({ def: { discriminator, options } }: z.ZodDiscriminatedUnion): Read {
    const readers = new Map(
      options.flatMap((option) => {
        const read = this.#later(option);
        return [...(option._zod.propValues?.[discriminator] ?? [])].map((value) => [value, read] as const);
      }),
    );
    return (value) => {
      const read = value.kind === 'map' ? readers.get(scalarAt(value, discriminator)) : undefined;
      return read === undefined ? refused : read(value);
    };
  }

  #firstReader(options: readonly z.core.$ZodType[]): Read {
    const readers = options.map((option) => this.readerOf(option));
    return (value) => {
      for (const read of readers) {
        const inner = read(value);
        if (inner !== refused) return inner;
      }
      return refused;
    };
  }

  /** Most forms are in no file; what they need is made when they are. */
  #later(schema: z.core.$ZodType): Read {
    let read: Read | undefined;
    return (value) => (read ??= this.readerOf(schema))(value);
  }
}

/** By the schema itself. */
function wholeReader(schema: z.core.$ZodType): Read {
  const isSingle = singleTypes.has(firstTypeOf(schema));
  const meanings = new Map<unknown, unknown>();
  return (value) => {
    if (value.kind !== 'scalar') return isSingle ? refused : meaningOf(schema, plainOf(value));
    if (!isSingle) return meaningOf(schema, value.value);
    const known = meanings.get(value.value);
    if (known !== undefined) return known;
    const meaning = frozen(meaningOf(schema, value.value));
    if (meanings.size < meaningsMax) meanings.set(value.value, meaning);
    return meaning;
  };
}

function meaningOf(schema: z.core.$ZodType, plain: unknown): unknown {
  const result = z.safeParse(schema, plain);
  return result.success ? result.data : refused;
}

function firstTypeOf(schema: z.core.$ZodType): string {
  return schema instanceof z.ZodPipe ? firstTypeOf(schema.def.in) : schema._zod.def.type;
}

/** What an extension is given it may change; that is made for each anew. */
function isShareable({ shape, def: { catchall } }: z.ZodObject): boolean {
  const isOpen = (schema: z.core.$ZodType): boolean => {
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return isOpen(schema.def.innerType);
    return schema instanceof z.ZodRecord && schema.def.valueType instanceof z.ZodUnknown;
  };
  return catchall instanceof z.ZodNever && !Object.values(shape).some(isOpen);
}

function scalarAt({ entries }: LocatedMap, key: string): Scalar | undefined {
  const value = entries.get(key)?.value;
  return value?.kind === 'scalar' ? value.value : undefined;
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

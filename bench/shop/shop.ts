/**
 * The database of a shop, the same on every machine: 150k customers and as many messages, 600k orders, 400k audit records as
 * JSON, 1500 documents of random bytes; about 320 MB as text. Rows are values, not SQL, so that every engine can be
 * given the same ones: `for (const row of shopRows('orders', scale)) …`. A row depends on its table and number only, so
 * that any part of a table, and rows added later, can be made alone.
 */
import { createHash } from 'node:crypto';
import { ByteStream } from '../data/content.ts';

export type ShopType = 'id' | 'integer' | 'cents' | 'text' | 'time' | 'json' | 'bytes' | 'flag';
export type ShopColumn = { readonly name: string; readonly type: ShopType };
/** Times are texts in UTC, `2026-03-01 12:00:00`; JSON is a text. */
export type ShopValue = number | string | boolean | Uint8Array | null;
export type ShopRow = readonly ShopValue[];

/** The first column of every table is its primary key, counted from 1. */
export const shopTables = {
  customers: columns('id:id email:text name:text city:text note:text created:time active:flag'),
  messages: columns('id:id customer:integer sent:time subject:text body:text'),
  orders: columns('id:id customer:integer placed:time status:text total:cents items:json'),
  audit: columns('id:id at:time actor:text detail:json'),
  documents: columns('id:id name:text content:bytes'),
} as const satisfies Record<string, readonly ShopColumn[]>;

export type ShopTable = keyof typeof shopTables;
export const shopTableNames: readonly ShopTable[] = ['customers', 'messages', 'orders', 'audit', 'documents'];

/** At scale 1. */
const fullCounts: Readonly<Record<ShopTable, number>> = {
  customers: 150_000,
  messages: 150_000,
  orders: 600_000,
  audit: 400_000,
  documents: 1500,
};

export function shopCount(table: ShopTable, scale: number): number {
  return Math.max(1, Math.round(fullCounts[table] * scale));
}

/** Rows `first` to `first + count - 1`, counted from 1; the whole table by default. */
export function* shopRows(
  table: ShopTable,
  scale: number,
  first = 1,
  count = shopCount(table, scale),
): Generator<ShopRow> {
  const words = wordList();
  for (let id = first; id < first + count; id += 1) yield makeRow(table, scale, id, words);
}

/** What a day brings to the shop: rows to add, and rows that are written anew with the values given. */
export type ShopDay = {
  readonly added: readonly { readonly table: ShopTable; readonly first: number; readonly count: number }[];
  /** New totals and states of orders, and notes of customers, by primary key. */
  readonly changed: readonly {
    readonly table: ShopTable;
    readonly column: string;
    readonly id: number;
    readonly value: ShopValue;
  }[];
};

/** @param day 1 for the first day after `shopRows`; days follow each other */
export function shopDay(day: number, scale: number): ShopDay {
  const part = (count: number): number => Math.max(1, Math.round(count * scale));
  const after = (table: ShopTable, count: number) => ({
    table,
    first: shopCount(table, scale) + 1 + (day - 1) * part(count),
    count: part(count),
  });
  const draw = drawOf('day', day);
  const orders = Array.from({ length: part(1000) }, () => draw.below(shopCount('orders', scale)) + 1);
  const customers = Array.from({ length: part(200) }, () => draw.below(shopCount('customers', scale)) + 1);
  return {
    added: [after('audit', 10_000), after('orders', 2000), after('messages', 500), after('documents', 20)],
    changed: [
      ...[...new Set(orders)].map(
        (id) => ({ table: 'orders', column: 'total', id, value: draw.below(500_000) }) as const,
      ),
      ...[...new Set(customers)].map(
        (id) =>
          ({ table: 'customers', column: 'note', id, value: `called on day ${day}, ${draw.below(1e6)}` }) as const,
      ),
    ],
  };
}

function columns(text: string): readonly ShopColumn[] {
  return text.split(' ').map((word) => {
    const [name = '', type = ''] = word.split(':');
    return { name, type: type as ShopType };
  });
}

type Draws = { below(limit: number): number };

/** xorshift32 from a hash of the key: a million rows a second, and each row on its own. */
function drawOf(table: string, id: number): Draws {
  let state = (Math.imul(id, 0x9e3779b1) ^ (table.length * 0x85ebca6b) ^ table.charCodeAt(0)) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  for (let round = 0; round < 4; round += 1) next();
  return { below: (limit) => next() % limit };
}

function makeRow(table: ShopTable, scale: number, id: number, words: readonly string[]): ShopRow {
  const draw = drawOf(table, id);
  const word = (): string => words[Math.min(draw.below(words.length), draw.below(words.length))] as string;
  const say = (count: number): string => Array.from({ length: count }, word).join(' ');
  const customer = (): number => draw.below(shopCount('customers', scale)) + 1;
  switch (table) {
    case 'customers':
      return [
        id,
        `${word()}.${word()}${id}@example.org`,
        `${word()} ${word()}`,
        word(),
        draw.below(4) === 0 ? null : say(6),
        timeOf(id * 400),
        draw.below(10) > 0,
      ];
    case 'messages':
      return [id, customer(), timeOf(id * 410), say(4), say(30 + draw.below(25))];
    case 'orders':
      return [
        id,
        customer(),
        timeOf(id * 100),
        ['new', 'paid', 'sent', 'done', 'done', 'done'][draw.below(6)] as string,
        draw.below(500_000),
        JSON.stringify([{ sku: draw.below(9000), count: 1 + draw.below(5) }]),
      ];
    case 'audit': {
      const detail = {
        event: ['login', 'order.paid', 'order.sent', 'price.changed'][draw.below(4)],
        ip: `10.${draw.below(256)}.${draw.below(256)}.${draw.below(256)}`,
        order: draw.below(shopCount('orders', scale)) + 1,
        trace: hex(draw, 16),
        text: say(12),
      };
      return [id, timeOf(id * 150), word(), JSON.stringify(detail)];
    }
    case 'documents':
      return [id, `${word()}-${id}.pdf`, new ByteStream(`document ${id}`).take(20_000 + draw.below(40_000))];
    default:
      return table satisfies never;
  }
}

function hex(draw: Draws, bytes: number): string {
  return Array.from({ length: bytes }, () => draw.below(256).toString(16).padStart(2, '0')).join('');
}

/** Seconds since the shop opened, as a time. */
function timeOf(seconds: number): string {
  return new Date(Date.UTC(2024, 0, 1) + seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

function wordList(): string[] {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  return Array.from({ length: 4000 }, (_, at) => {
    const digest = createHash('sha256').update(`word ${at}`).digest();
    const length = 2 + (digest[0]! % 9);
    return [...digest.subarray(1, 1 + length)].map((byte) => letters[Math.floor((byte / 256) ** 2 * 26)]).join('');
  });
}

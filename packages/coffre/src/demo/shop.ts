/** The database of the trial application: a small shop whose sums must always agree. */
import { DatabaseSync } from 'node:sqlite';

const productCount = 400;
const stockAtStart = 100_000;
const ordersAtStart = 12_000;

/** Sold and in stock together, at any moment between two transactions. */
export const unitsInTheWorld: bigint = BigInt(productCount) * BigInt(stockAtStart);

const schema = `
  CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL, stock INTEGER NOT NULL);
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, avatar BLOB);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, placed_at TEXT NOT NULL, note TEXT);
  CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders, product_id INTEGER NOT NULL REFERENCES products, quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, product_id)
  );
  CREATE INDEX orders_by_customer ON orders (customer_id);
`;

const firstNames = ['Ada', 'Blaise', 'Chloé', 'Dmitri', 'Émilie', 'Fatou', 'Grete', 'Hao', 'Inès', 'José'];
const lastNames = ['Marchand', 'Nguyễn', 'Okafor', 'Петров', 'Quispe', 'Rossi', 'Sørensen', '田中', 'Ünal', 'Weiß'];

/** Opens the shop and makes it when it is not there. Several processes may have it open. */
export function openShop(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 10_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  const made = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'order_lines'").get() !== undefined;
  if (!made) fillShop(database);
  return database;
}

function fillShop(database: DatabaseSync): void {
  inTransaction(database, () => {
    database.exec(schema);
    const product = database.prepare('INSERT INTO products VALUES (?, ?, ?, ?)');
    for (let id = 1; id <= productCount; id += 1)
      product.run(id, `Article ${id}`, 100 + ((id * 7919) % 20_000), stockAtStart);
    const customer = database.prepare('INSERT INTO customers VALUES (?, ?, ?, ?)');
    for (let id = 1; id <= 1000; id += 1) {
      const name = `${firstNames[id % 10] ?? ''} ${lastNames[Math.trunc(id / 10) % 10] ?? ''}`;
      customer.run(id, name, `customer${id}@example.org`, id % 4 === 0 ? null : Buffer.alloc(64 + (id % 64), id));
    }
  });
  const till = new Till(database);
  inTransaction(database, () => {
    for (let count = 0; count < ordersAtStart; count += 1) till.sell();
  });
}

/** Places orders: each takes from the stock what it puts on its lines, so units never appear or vanish. */
export class Till {
  readonly #order;
  readonly #line;
  readonly #stock;

  constructor(database: DatabaseSync) {
    this.#order = database.prepare('INSERT INTO orders (customer_id, placed_at, note) VALUES (?, ?, ?)');
    this.#line = database.prepare('INSERT INTO order_lines VALUES (?, ?, ?)');
    this.#stock = database.prepare('UPDATE products SET stock = stock - ? WHERE id = ?');
  }

  /** One order of one to three lines; call it inside a transaction. */
  sell(): void {
    const customerId = 1 + Math.trunc(Math.random() * 1000);
    const note = Math.random() < 0.2 ? `Deliver to the neighbour of no. ${customerId}, please` : null;
    const { lastInsertRowid } = this.#order.run(customerId, new Date().toISOString(), note);
    const first = Math.trunc(Math.random() * productCount);
    const lines = 1 + Math.trunc(Math.random() * 3);
    for (let line = 0; line < lines; line += 1) {
      const productId = 1 + ((first + line * 131) % productCount);
      const quantity = 1 + Math.trunc(Math.random() * 3);
      this.#line.run(lastInsertRowid, productId, quantity);
      this.#stock.run(quantity, productId);
    }
  }
}

/** What must hold in every consistent copy. A copy torn between two transactions breaks it. */
export function unitsIn(database: DatabaseSync): bigint {
  const question = database.prepare(
    'SELECT (SELECT sum(stock) FROM products) + (SELECT coalesce(sum(quantity), 0) FROM order_lines) AS units',
  );
  question.setReadBigInts(true);
  const units = question.get()?.['units'];
  return typeof units === 'bigint' ? units : -1n;
}

export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

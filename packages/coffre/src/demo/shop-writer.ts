/**
 * A process of its own that keeps placing orders until it is told to stop or its parent is gone:
 * the application that is not stopped for its backup.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inTransaction, openShop, Till } from './shop.ts';

/** Sent to the parent: once when writing has begun, once at the end. */
export type WriterReport = { readonly kind: 'writing' } | { readonly kind: 'stopped'; readonly orders: number };

const pauseMs = 2;

if (import.meta.main) await writeUntilTold(process.argv[2] ?? '');

async function writeUntilTold(path: string): Promise<void> {
  const told = new AbortController();
  process.once('message', () => told.abort());
  process.once('disconnect', () => told.abort());
  const database = openShop(path);
  const till = new Till(database);
  let orders = 0;
  while (!told.signal.aborted) {
    inTransaction(database, () => till.sell());
    orders += 1;
    if (orders === 1) report({ kind: 'writing' });
    await sleep(pauseMs);
  }
  database.close();
  report({ kind: 'stopped', orders });
  if (process.connected) process.disconnect?.();
}

function report(message: WriterReport): void {
  process.send?.(message);
}

import { asError } from './errors.ts';

/** Runs `work` over all items, at most `atOnce` together; after the first error nothing more begins. */
export async function inParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, lane));
}

/**
 * The same for a list that grows: `work` resolves to what it found, and the last found goes first, so that what waits stays
 * small. The first failure is thrown at once; it is kept apart from the race, because of two works that end in the same
 * moment a race shows only one.
 */
export async function followInParallel<T>(
  first: T,
  atOnce: number,
  work: (item: T) => Promise<Iterable<T>>,
): Promise<void> {
  const waiting = [first];
  const running = new Set<Promise<void>>();
  const failures: Error[] = [];
  const begin = (item: T): void => {
    const one: Promise<void> = work(item)
      .then((found) => {
        for (const more of found) waiting.push(more);
      })
      .catch((error: unknown) => void failures.push(asError(error)))
      .finally(() => running.delete(one));
    running.add(one);
  };
  while (waiting.length + running.size > 0) {
    const next = running.size < atOnce ? waiting.pop() : undefined;
    if (next === undefined) await Promise.race(running);
    else begin(next);
    const [failure] = failures;
    if (failure !== undefined) throw failure;
  }
}

/** So many calls a minute for each name; who has waited long enough may call again. Bounded, whoever calls. */

const namesMax = 1000;
const minuteMs = 60_000;

type Bucket = { left: number; atMs: number };

export class RateLimit {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** @returns false when it is one too many. `nowMs` is monotonic. */
  take(name: string, nowMs: number): boolean {
    const bucket = this.#bucketOf(name, nowMs);
    const gained = ((nowMs - bucket.atMs) / minuteMs) * this.#perMinute;
    bucket.left = Math.min(this.#perMinute, bucket.left + gained);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #bucketOf(name: string, nowMs: number): Bucket {
    // When very many call, those that are new share one bucket: nobody gets a fresh one by using another address.
    const shared = this.#buckets.size >= namesMax && !this.#buckets.has(name) ? '' : name;
    if (shared === '') this.#forgetIdle(nowMs);
    const known = this.#buckets.get(shared);
    if (known !== undefined) return known;
    const fresh = { left: this.#perMinute, atMs: nowMs };
    this.#buckets.set(shared, fresh);
    return fresh;
  }

  #forgetIdle(nowMs: number): void {
    for (const [name, { atMs }] of this.#buckets) {
      if (name !== '' && nowMs - atMs > minuteMs) this.#buckets.delete(name);
    }
  }
}

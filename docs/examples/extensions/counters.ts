/**
 * A kind of source: counters that an appliance shows over HTTP as JSON. In coffre.yaml:
 *
 *   extensions: [./counters.ts]
 *   sites: {home: {sources: {meter: {type: extension, use: counters, settings: {url: "http://127.0.0.1:8080/"}}}}}
 */
import { writeFile } from 'node:fs/promises';
import type { Extension, ExtensionSource, SavedSource } from 'coffre';

type Settings = { readonly name: string; readonly url: string };
/** What was there when it was saved; kept in the signed manifest. */
type Truth = { readonly counters: number; readonly sizeBytes: number };

const counters: ExtensionSource<Settings, Truth> = {
  parseSettings(written, name) {
    const url = typeof written === 'object' && written !== null && 'url' in written ? written.url : undefined;
    if (typeof url !== 'string' || !URL.canParse(url)) throw new Error('counters: settings.url must be an address');
    return { name, url };
  },
  describe: ({ url }) => `counters of ${url}`,
  listedPaths: ({ name }) => [`/sources/${name}`],
  async preflight({ url }) {
    await fetchCounters(url);
    return { warnings: [] };
  },
  async dump({ name, url }) {
    let truth: Truth | undefined;
    async function* bytes(): AsyncGenerator<Uint8Array> {
      const text = await fetchCounters(url);
      truth = { counters: countersIn(text), sizeBytes: Buffer.byteLength(text) };
      yield Buffer.from(text);
    }
    return {
      streams: [{ path: pathOf(name), bytes }],
      truth: async () => {
        if (truth === undefined) throw new Error('counters: asked for the truth before the dump');
        return truth;
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
  parseTruth(value) {
    const truth = value as Partial<Truth>;
    if (typeof truth.counters !== 'number' || typeof truth.sizeBytes !== 'number') throw new Error('counters: no truth');
    return { counters: truth.counters, sizeBytes: truth.sizeBytes };
  },
  async verify(saved) {
    const found = countersIn(await contentOf(saved));
    return found === saved.truth.counters
      ? { passed: ['archive', 'open', 'row_counts'], proved: [`${found} counters as saved`], differences: [] }
      : { passed: [], proved: [], differences: [`${found} counters instead of ${saved.truth.counters}`] };
  },
  async load(saved, { to, overwrite }) {
    if (to === undefined) throw new Error('counters cannot be set; name a file with --target');
    await writeFile(to, await contentOf(saved), { flag: overwrite ? 'w' : 'wx', mode: 0o600 });
    return to;
  },
  async scratch() {
    throw new Error('counters have no server to try them in');
  },
  async quickCheck({ url }) {
    return { passed: ['open'], proved: [`${countersIn(await fetchCounters(url))} counters`], differences: [] };
  },
  async present({ url }) {
    const text = await fetchCounters(url);
    return { counters: countersIn(text), sizeBytes: Buffer.byteLength(text) };
  },
  differences: (earlier, later) =>
    earlier.counters === later.counters ? [] : [`${later.counters} counters instead of ${earlier.counters}`],
};

type StreamPath = Awaited<ReturnType<typeof counters.dump>>['streams'][number]['path'];

/** Paths are bytes in the type of the library; this one is plain ASCII. */
function pathOf(name: string): StreamPath {
  return `/sources/${name}/counters.json` as StreamPath;
}

async function fetchCounters(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`counters: ${url} answered ${response.status}`);
  return await response.text();
}

function countersIn(text: string): number {
  return Object.keys(JSON.parse(text) as object).length;
}

async function contentOf(saved: SavedSource<Truth>): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const { path } of saved.streams) for await (const part of saved.read(path)) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

export const extension = { sources: { counters } } satisfies Extension;

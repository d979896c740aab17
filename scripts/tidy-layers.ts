/** Who may import whom: ARCHITECTURE.md "Import directions", as a table that a test reads. */

/** A layer is a folder or a file under a package's `src/`; the longest match decides. */
type Layer = {
  readonly name: string;
  /** Layers whose values may be imported. A layer may always import itself. */
  readonly uses: readonly string[];
  /** Layers of which only types may be imported: the thing itself is handed in. */
  readonly usesTypesOf?: readonly string[];
};

const base = ['errors.ts', 'ids.ts', 'parallel.ts'];
const transforms = ['format', 'crypto', 'chunker', 'compress', 'select'];
const below = [...base, ...transforms, 'backend', 'host', 'workers'];
const stores = ['pack', 'index', 'lock'];
const opened = ['repository.ts', 'key.ts'];
const verbs = ['archive', 'restore', 'maintain', 'browse'];

const repositoryLayers: readonly Layer[] = [
  { name: 'errors.ts', uses: [] },
  { name: 'ids.ts', uses: ['errors.ts'] },
  { name: 'parallel.ts', uses: ['errors.ts'] },
  // A file of the format says how it is sealed and packed, so its codec uses both.
  { name: 'format', uses: [...base, 'crypto', 'compress'] },
  { name: 'wasm', uses: [] },
  { name: 'crypto', uses: [...base, 'wasm'], usesTypesOf: ['host'] },
  { name: 'chunker', uses: [...base, 'wasm'], usesTypesOf: ['host'] },
  { name: 'compress', uses: base },
  { name: 'select', uses: [...base, 'format'] },
  { name: 'host', uses: [...base, 'format'] },
  { name: 'backend', uses: [...base, 'host'] },
  // The pool knows no work; the list of set-ups names the shapes of all of them.
  { name: 'workers', uses: base, usesTypesOf: [...transforms, 'index', 'host', ...verbs] },
  // The file a worker thread starts from stands above what it runs, like a main.
  { name: 'workers/worker.ts', uses: [...below, ...stores, ...opened, ...verbs, 'deriving'] },
  { name: 'pack', uses: below, usesTypesOf: ['index'] },
  { name: 'index', uses: [...below, 'pack'], usesTypesOf: ['repository.ts'] },
  { name: 'lock', uses: below, usesTypesOf: ['repository.ts'] },
  { name: 'deriving', uses: below },
  { name: 'key.ts', uses: [...below, 'deriving'] },
  { name: 'repository.ts', uses: [...below, ...stores, 'key.ts'] },
  ...verbs.map((name) => ({ name, uses: [...below, ...stores, ...opened, ...verbs] })),
  { name: 'testing', uses: [...below, ...stores, ...opened, ...verbs] },
  // The big operations, loaded when they are called.
  { name: 'operations.ts', uses: [...below, ...stores, ...opened, ...verbs] },
  // The small door, for who only opens and lists.
  { name: 'opening.ts', uses: [...below, ...stores, ...opened, 'operations.ts', 'browse', 'maintain'] },
  { name: 'index.ts', uses: [...below, ...stores, ...opened, ...verbs, 'operations.ts'] },
];

const coffreLayers: readonly Layer[] = [
  { name: 'platform', uses: [] },
  // Decides when; knows neither clock nor files.
  { name: 'schedule', uses: [] },
  // What the file means; reading files, variables and secrets is a layer of its own above it.
  { name: 'config', uses: ['schedule'] },
  { name: 'config/read', uses: ['config', 'platform'], usesTypesOf: ['schedule'] },
  // All SQL of our own state.
  { name: 'store', uses: ['platform'] },
  { name: 'audit', uses: ['store', 'platform'] },
  // Modules that the configuration names.
  { name: 'extension', uses: [], usesTypesOf: ['source'] },
  // Kinds of things to protect; what they need of the outside is handed in.
  { name: 'source', uses: ['platform', 'extension'] },
  // What a snapshot says of itself.
  { name: 'manifest', uses: ['platform'] },
  { name: 'source-run', uses: ['source', 'manifest', 'platform'] },
  // Opening what the configuration names, for whoever runs beside the command line.
  {
    name: 'access',
    uses: ['extension', 'config', 'config/read', 'store', 'audit', 'platform'],
    usesTypesOf: ['schedule', 'source'],
  },
  // Named backups, what stays and what is restored: decided from tags.
  {
    name: 'named',
    uses: ['access', 'schedule', 'config', 'store', 'manifest', 'source', 'source-run', 'platform'],
    usesTypesOf: ['extension'],
  },
  // Who is told what, and how it gets there.
  { name: 'alert', uses: ['extension', 'config', 'store'], usesTypesOf: ['status'] },
  // One plan, now, in this process.
  {
    name: 'run',
    uses: [
      'alert',
      'extension',
      'access',
      'named',
      'source',
      'source-run',
      'schedule',
      'manifest',
      'config',
      'config/read',
      'store',
      'audit',
      'platform',
    ],
  },
  // The loop that runs plans when they are due, each in a process of its own.
  {
    name: 'daemon',
    uses: ['alert', 'extension', 'schedule', 'config', 'config/read', 'store', 'platform', 'run', 'source', 'status'],
  },
  // What the library takes, gives and tells.
  { name: 'library', uses: [], usesTypesOf: ['named', 'run'] },
  { name: 'cli/exit-code.ts', uses: [] },
  { name: 'cli/output', uses: ['platform', 'cli/exit-code.ts'], usesTypesOf: ['run'] },
  // What is true now: facts from configuration and history, judged.
  { name: 'status', uses: ['schedule', 'config', 'store', 'platform', 'cli/output'] },
  // What was true over a day, a week or a month.
  { name: 'report', uses: ['status', 'schedule', 'config', 'store', 'cli/output'] },
  { name: 'demo', uses: ['platform', 'cli/output'] },
  { name: 'repo-server', uses: ['platform'] },
  {
    name: 'cli',
    uses: [
      'extension',
      'library',
      'platform',
      'cli/exit-code.ts',
      'cli/output',
      'demo',
      'repo-server',
      'schedule',
      'config',
      'config/read',
      'store',
      'audit',
      'source',
      'manifest',
      'source-run',
      'access',
      'report',
      'status',
      'run',
      'named',
      'daemon',
      'alert',
    ],
  },
  // The library's door: it does what the commands do.
  { name: 'coffre.ts', uses: ['library', 'cli', 'run', 'named', 'extension', 'source'] },
  { name: 'main.ts', uses: ['platform', 'cli/exit-code.ts', 'cli/output', 'cli', 'demo'] },
];

const packages: Readonly<Record<string, readonly Layer[]>> = { repository: repositoryLayers, coffre: coffreLayers };

/** Layers that compute on bytes they are given and touch nothing else. */
const pureLayers = new Set(['format', 'crypto', 'chunker', 'wasm']);

const outsideModules =
  /^node:(fs|fs\/promises|net|http|https|http2|dgram|dns|tls|child_process|cluster|os|worker_threads|sqlite|readline)$/;

export type ImportEdge = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

/** Why an import inside one package is not allowed; undefined when it is. Paths are relative to the project. */
export function forbiddenDirection(edge: ImportEdge): string | undefined {
  const from = placeOf(edge.from);
  const to = placeOf(edge.to);
  if (from === undefined || edge.to === `packages/${from.package}/package.json`) return undefined;
  if (to?.package !== from.package) return `reaches into another package; import it by its name`;
  const layers = packages[from.package];
  if (layers === undefined) return undefined;
  const source = layerOf(layers, from.path);
  const target = layerOf(layers, to.path);
  if (source === undefined) return `${from.path} is in no layer; give its folder a row in scripts/tidy-layers.ts`;
  if (target === undefined) return `${to.path} is in no layer; give its folder a row in scripts/tidy-layers.ts`;
  if (source === target || source.uses.includes(target.name)) return undefined;
  if (source.usesTypesOf?.includes(target.name)) {
    return edge.typeOnly ? undefined : `${source.name} may import only types of ${target.name}`;
  }
  return `${source.name} may not import ${target.name}`;
}

/** True when a file of a pure layer asks for a module that reaches outside. */
export function reachesOutside(path: string, specifier: string): boolean {
  const place = placeOf(path);
  if (place?.package !== 'repository') return false;
  const layer = layerOf(repositoryLayers, place.path);
  return layer !== undefined && pureLayers.has(layer.name) && outsideModules.test(specifier);
}

function placeOf(path: string): { package: string; path: string } | undefined {
  const match = /^packages\/([^/]+)\/src\/(.+)$/.exec(path);
  return match === null ? undefined : { package: match[1]!, path: match[2]! };
}

function layerOf(layers: readonly Layer[], path: string): Layer | undefined {
  return layers
    .filter((layer) => path === layer.name || path.startsWith(`${layer.name}/`))
    .toSorted((a, b) => b.name.length - a.name.length)[0];
}

/**
 * One kind of thing to protect: files, a database engine, what a program prints. A kind is a value of `SourceType`; what
 * differs between two databases of one kind is in its settings, which are checked before they come here. The kinds are a
 * closed union (`source-types.ts`): a new one breaks the build wherever something must be decided for it.
 *
 * The contract, in the order of a backup:
 *
 *   preflight  looks without changing anything: reachable, readable, sane, tools there and new enough. It throws what must
 *              stop the backup and gives back what a person should know.
 *   dump       prepares and gives streams, or paths to walk, or both. A stream starts its program when it is first asked
 *              for bytes, and ends without an error only when exit code *and* end of stream say that it is whole. Dump
 *              tools never compress: chunks that repeat must be seen. Where an engine has no stream, files go to a
 *              private folder of the context. Disposal removes and ends everything, on every way out.
 *   truth      what the source held at the very moment of the dump, as JSON: counts, schema, versions; never a secret.
 *              Asked once, after the last byte of every stream. It goes into the signed manifest and is all that
 *              `verify` compares with; the live source has moved on by then.
 *   verify     reads saved data and proves the steps that it is asked for. Private folders and private servers only, or a
 *              server that the settings name for it, and no server for the first two steps.
 *   load       brings saved data to a target that a person chose: whole or not at all; nothing is overwritten unless the
 *              target says so.
 *   scratch    loads into a private place that disposal removes, for drills.
 *
 * And beside backups, on the live source, which none of them changes:
 *
 *   quickCheck  in a few seconds: reachable, opens, answers.
 *   present     its truth at this moment.
 *   differences what two truths of it do not agree on.
 *
 * Passwords go to programs in their environment or in files of mode 0600, never among words, logs or messages.
 */
import type {
  ByteString,
  Clock,
  ContentJudge,
  FilePlace,
  Files,
  SavedStream,
  Selection,
  StreamSource,
} from '@coffre/repository';
import type { ExtensionPlaces } from '../extension/load.ts';
import type { Programs } from '../platform/programs.ts';

/** Everything of the outside, handed in. */
export type SourceContext = {
  readonly programs: Programs;
  /** Where programs are looked for: PATH. */
  readonly searchPath: string;
  readonly files: Files;
  readonly clock: Pick<Clock, 'nowNs' | 'monotonicMs' | 'sleep'>;
  /** Where private folders are made. */
  readonly temporaryFolder: string;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
  /** Modules that the configuration names; absent where there is none. */
  readonly extensions?: ExtensionPlaces;
};

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type Preflight = {
  /** Sentences for people; the backup goes on. */
  readonly warnings: readonly string[];
  /** What is about to be read, where it can be known cheaply. */
  readonly sizeBytes?: number;
};

/** What of the disk belongs to a source. */
export type SourceWalk = {
  readonly paths: readonly ByteString[];
  readonly selection?: Selection;
  readonly judge?: ContentJudge;
  /** Where the paths are read instead: in a snapshot of their file system. */
  readonly elsewhere?: readonly FilePlace[];
};

export type Dump<Truth> = AsyncDisposable & {
  readonly streams: readonly StreamSource[];
  readonly walk?: SourceWalk;
  /** @param saved this source's own streams, as they were stored */
  truth(saved: readonly SavedStream[]): Promise<Truth>;
};

/** One source inside a snapshot. */
export type SavedSource<Truth> = {
  readonly name: string;
  readonly truth: Truth;
  /** Paths of its streams in the snapshot. */
  readonly streams: readonly { readonly path: string; readonly sizeBytes: number }[];
  /** Content of a stream, verified blob by blob; it throws where the repository is damaged. */
  read(path: string): AsyncIterable<Uint8Array>;
};

/**
 * What can be proved of saved data, cheap to dear: the stream is whole and readable; the engine opens it; its schema is
 * the recorded one; its rows are as many as were counted. A kind passes those that mean something for it.
 */
export type CheckStep = 'archive' | 'open' | 'schema' | 'row_counts';

export type Verification = {
  readonly passed: readonly CheckStep[];
  /** What was proved, a few words each. */
  readonly proved: readonly string[];
  /** What is not as the truth says; empty when all is well. */
  readonly differences: readonly string[];
};

export type LoadTarget<Settings> = {
  /** Path, address or name, as the kind understands it; where it came from when absent, for kinds that allow that. */
  readonly to: string | undefined;
  readonly overwrite: boolean;
  /** Tables, collections or whatever the kind can load alone; all when empty. */
  readonly only: readonly string[];
  /** Of the live source, where it is configured here: how its server is reached. */
  readonly settings: Settings | undefined;
  /** Everything belongs to whom the target lets in, where the owners of the original are not there. */
  readonly withoutOwners?: boolean;
  /** Owners of the original that are not there are made, as they were saved. */
  readonly createsOwners?: boolean;
};

export type Scratch = AsyncDisposable & { readonly place: string };

export type SourceType<Settings, Truth> = {
  /** One line for people. */
  describe(settings: Settings): string;
  /** What the snapshot records as its paths. */
  listedPaths(settings: Settings): readonly string[];
  /** @param last what the last complete snapshot says of this source; undefined when there is none */
  preflight(settings: Settings, context: SourceContext, last: Truth | undefined): Promise<Preflight>;
  dump(settings: Settings, context: SourceContext): Promise<Dump<Truth>>;
  /** @throws {CoffreError} MANIFEST_DAMAGED when the manifest holds something else */
  parseTruth(value: unknown): Truth;
  /** @param settings of the live source, where it is configured here: it may name a server for trials */
  verify(
    saved: SavedSource<Truth>,
    context: SourceContext,
    steps: ReadonlySet<CheckStep>,
    settings?: Settings,
  ): Promise<Verification>;
  /** @returns where it is now */
  load(saved: SavedSource<Truth>, target: LoadTarget<Settings>, context: SourceContext): Promise<string>;
  /** @param settings as of `verify` */
  scratch(saved: SavedSource<Truth>, context: SourceContext, settings?: Settings): Promise<Scratch>;
  quickCheck(settings: Settings, context: SourceContext): Promise<Verification>;
  present(settings: Settings, context: SourceContext): Promise<Truth>;
  /** One sentence each, in the words of a person who knows the earlier one; none when they agree. */
  differences(earlier: Truth, later: Truth): readonly string[];
};

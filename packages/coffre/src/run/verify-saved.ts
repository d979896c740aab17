/** The proof that a plan wants of what was just saved: read back from the repository, opened, compared with the manifest. */
import {
  CoffreError,
  isCoffreError,
  messageOf,
  type BlobId,
  type ErrorCode,
  type IndexedRepository,
  type StoredSnapshot,
} from '@coffre/repository';
import type { ProofStep } from '../config/config.ts';
import { ReadSums } from '../manifest/read-sums.ts';
import {
  loadManifest,
  provedContent,
  verifyContent,
  type SignedManifest,
  type VerifyFinding,
  type VerifyProgress,
} from '../manifest/verify.ts';
import type { SourceSpec } from '../source/source-types.ts';
import type { CheckStep, SourceContext } from '../source/source.ts';
import { openSavedSource } from '../source-run/saved-source.ts';
import { failureCause } from '../store/failure-cause.ts';
import type { RunFigures } from './run-figures.ts';

export type Proof = {
  readonly passed: readonly ProofStep[];
  /** A few words each. */
  readonly proved: readonly string[];
  /** Where every byte was read from the repository. */
  readonly readBack?: { readonly sizeBytes: number; readonly tookMs: number };
};

/** As the history keeps them. */
export function proofFigures({ passed, readBack }: Proof, tookMs: number): RunFigures {
  return {
    stepsPassed: passed.length,
    // Those that needed it loaded and asked.
    stepsLoaded: passed.filter((step) => step === 'schema' || step === 'row_counts').length,
    verifyMs: Math.round(tookMs),
    ...(readBack === undefined ? {} : { readBackBytes: readBack.sizeBytes, readBackMs: readBack.tookMs }),
  };
}

const checkSteps: ReadonlySet<string> = new Set(['archive', 'open', 'schema', 'row_counts'] satisfies CheckStep[]);
const namedMax = 3;

/** Where nothing is known to be damaged, and the storage alone gave no answer. */
function unreachedCode(findings: readonly VerifyFinding[]): ErrorCode | undefined {
  const codes = findings.map(({ code }) => code);
  const isDamage = (code: ErrorCode | undefined): boolean =>
    code === undefined || failureCause('failed', code) === 'integrity';
  return codes.some(isDamage) ? undefined : codes[0];
}

export type KnownBefore = {
  /** The live sources, where they are configured here. */
  readonly specs?: readonly SourceSpec[];
  /** Root of an earlier snapshot whose content was read back: `archive` of files reads what is new since then. */
  readonly provedTree?: BlobId | undefined;
};

/**
 * `parse` was done while the files were read: what did not parse is not in the snapshot as good.
 * `hash` reads everything back. `archive` does so with what a source dumped, and with files that no proved snapshot has.
 * @throws {CoffreError} VERIFY_FAILED, SOURCE_VERIFY_FAILED, MANIFEST_DAMAGED
 */
export async function verifySaved(
  indexed: IndexedRepository,
  { snapshot }: StoredSnapshot,
  steps: readonly ProofStep[],
  context: SourceContext,
  { specs = [], provedTree }: KnownBefore = {},
): Promise<Proof> {
  const { signal, clock } = context;
  const signed = await loadManifest(indexed, snapshot.tree, signal);
  const startedMs = clock.monotonicMs();
  const place: ProofPlace = { indexed, tree: snapshot.tree, signed, sums: new ReadSums() };
  // A source that fails waits for the hashes: bytes that changed explain it.
  const [sources] = await Promise.allSettled([proveSources(place, steps, context, specs)]);
  const { sources: saved } = signed.manifest;
  const isOfFiles = saved.length > 0 && saved.every(({ kind }) => kind === 'files');
  const readsNew = isOfFiles && steps.includes('archive') && !steps.includes('hash');
  const proved = readsNew && provedTree !== undefined ? await contentOf(indexed, provedTree, signal) : undefined;
  const hashes = readsNew || steps.includes('hash') ? await proveHashes(place, signal, proved) : undefined;
  if (sources.status === 'rejected') throw sources.reason;
  const { reached, proved: told } = sources.value;
  const tookMs = Math.max(1, Math.round(clock.monotonicMs() - startedMs));
  return {
    passed: [
      ...(steps.includes('hash') ? ['hash' as const] : []),
      ...(isOfFiles && steps.includes('archive') ? ['archive' as const] : []),
      ...(steps.includes('parse') ? ['parse' as const] : []),
      ...reached,
    ],
    proved: [
      ...(hashes === undefined
        ? []
        : [readsNew ? `what is new read back (${hashes.files})` : `${hashes.files} hashes as signed`]),
      ...told,
    ],
    ...(hashes === undefined ? {} : { readBack: { sizeBytes: hashes.bytes, tookMs } }),
  };
}

type ProofPlace = {
  readonly indexed: IndexedRepository;
  readonly tree: BlobId;
  readonly signed: SignedManifest;
  /** Of what sources read. */
  readonly sums: ReadSums;
};

/** Undefined where the manifest of that snapshot cannot be read: then all is read. */
async function contentOf(
  indexed: IndexedRepository,
  tree: BlobId,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return provedContent(await loadManifest(indexed, tree, signal));
  } catch (error) {
    if (signal.aborted || !isCoffreError(error)) throw error;
    return undefined;
  }
}

async function proveHashes(
  { indexed, tree, signed, sums }: ProofPlace,
  signal: AbortSignal,
  proved: ReadonlySet<string> | undefined,
): Promise<VerifyProgress> {
  const { files, bytes, findings } = await verifyContent(indexed, tree, signed, signal, sums, proved);
  if (findings.length === 0) return { files, bytes };
  const named = findings.slice(0, namedMax).map(({ path, why }) => `${path}: ${why}`);
  throw new CoffreError(
    unreachedCode(findings) ?? 'VERIFY_FAILED',
    `what is saved is not what the manifest says: ${named.join('; ')}`,
    {
      hint: 'Change nothing in the repository. Verify an earlier snapshot, and run `coffre check --read-data`.',
    },
  );
}

async function proveSources(
  { indexed, tree, signed, sums }: ProofPlace,
  steps: readonly ProofStep[],
  context: SourceContext,
  specs: readonly SourceSpec[],
): Promise<{ reached: ReadonlySet<CheckStep>; proved: readonly string[] }> {
  const { signal } = context;
  const wanted = new Set(steps.filter((step): step is CheckStep => checkSteps.has(step)));
  const reached = new Set<CheckStep>();
  const proved: string[] = [];
  if (wanted.size === 0) return { reached, proved };
  for (const entry of signed.manifest.sources) {
    const { type, saved } = openSavedSource(indexed, tree, entry, signal, sums);
    const live = specs.find(({ kind, settings }) => kind === entry.kind && settings.name === entry.name);
    const found = await type.verify(saved, context, wanted, live?.settings).catch((error: unknown) => {
      // The room for a copy, or a tool that is not there, say nothing of what is saved.
      if (signal.aborted || !isCoffreError(error) || error.code.startsWith('SOURCE_')) throw error;
      return { passed: [], proved: [], differences: [messageOf(error)] };
    });
    if (found.differences.length > 0) {
      const named = found.differences.slice(0, namedMax).join('; ');
      throw new CoffreError('SOURCE_VERIFY_FAILED', `${entry.name} is not as it was saved: ${named}`, {
        hint: 'Load an earlier snapshot into a scratch place, and check the live source.',
      });
    }
    for (const step of found.passed) reached.add(step);
    proved.push(...found.proved);
  }
  return { reached, proved };
}

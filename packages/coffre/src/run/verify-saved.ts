/** The proof that a plan wants of what was just saved: read back from the repository, opened, compared with the manifest. */
import {
  CoffreError,
  isCoffreError,
  messageOf,
  type ErrorCode,
  type IndexedRepository,
  type StoredSnapshot,
} from '@coffre/repository';
import type { ProofStep } from '../config/config.ts';
import { loadManifest, verifyContent, type VerifyFinding } from '../manifest/verify.ts';
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

/**
 * `parse` was done while the files were read: what did not parse is not in the snapshot as good.
 * @throws {CoffreError} VERIFY_FAILED, SOURCE_VERIFY_FAILED, MANIFEST_DAMAGED
 */
export async function verifySaved(
  indexed: IndexedRepository,
  { snapshot }: StoredSnapshot,
  steps: readonly ProofStep[],
  context: SourceContext,
): Promise<Proof> {
  const { signal, clock } = context;
  const signed = await loadManifest(indexed, snapshot.tree, signal);
  const passed: ProofStep[] = [];
  const proved: string[] = [];
  let readBack: Proof['readBack'];
  if (steps.includes('hash')) {
    const startedMs = clock.monotonicMs();
    const { files, bytes, findings } = await verifyContent(indexed, snapshot.tree, signed, signal);
    if (findings.length > 0) {
      const named = findings
        .slice(0, namedMax)
        .map(({ path, why }) => `${path}: ${why}`)
        .join('; ');
      const unreached = unreachedCode(findings);
      if (unreached !== undefined) throw new CoffreError(unreached, `what is saved could not be read back: ${named}`);
      throw new CoffreError('VERIFY_FAILED', `what is saved is not what the manifest says: ${named}`, {
        hint: 'Change nothing in the repository. Verify an earlier snapshot, and run `coffre check --read-data`.',
      });
    }
    readBack = { sizeBytes: bytes, tookMs: Math.max(1, Math.round(clock.monotonicMs() - startedMs)) };
    passed.push('hash');
    proved.push(`${files} hashes as signed`);
  }
  if (steps.includes('parse')) passed.push('parse');
  const wanted = new Set(steps.filter((step): step is CheckStep => checkSteps.has(step)));
  const read = readBack === undefined ? {} : { readBack };
  if (wanted.size === 0) return { passed, proved, ...read };
  const reached = new Set<CheckStep>();
  for (const entry of signed.manifest.sources) {
    const { type, saved } = openSavedSource(indexed, snapshot.tree, entry, signal);
    const found = await type.verify(saved, context, wanted).catch((error: unknown) => {
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
  return { passed: [...passed, ...reached], proved, ...read };
}

/**
 * A git repository: every reference with all that it reaches, as one bundle that git itself can read. What is not committed
 * is not in it; folders with work in progress are saved as files.
 */
import { join, resolve } from 'node:path';
import { CoffreError, databaseProfile, messageOf, toByteString } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { CheckStep, SourceContext, SourceType, Verification } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';
import { scanned } from '../scanned.ts';
import { BundleScan, type BundleContent } from './bundle-scan.ts';
import { buildRepository, loadGit, writeBundle, type SavedGit } from './git-load.ts';
import { findRepository, headOf, presentTruth, referencesIn, smallFiles, warningsFor } from './git-look.ts';
import { askGit, gitCall, tryGit } from './git-program.ts';
import { compareGit, compareReferences, gitTruth, referencesOf, type GitTruth } from './git-truth.ts';

export type { GitTruth };

export type GitSettings = {
  /** Folder of its streams in the snapshot. */
  readonly name: string;
  readonly path: string;
};

export const git: SourceType<GitSettings, GitTruth> = {
  describe: ({ path }) => `git repository ${path}`,

  listedPaths: ({ path }) => [resolve(path)],

  async preflight({ name, path }, context) {
    streamFolder(name);
    return { warnings: await warningsFor(await findRepository(path, context), context) };
  },

  async dump({ name, path }, context) {
    const found = await findRepository(path, context);
    await warningsFor(found, context);
    const present = await presentTruth(path, context);
    const folder = streamFolder(name);
    let content: BundleContent | undefined;
    async function* bundle(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      const scan = new BundleScan();
      const call = gitCall(found.place, ['bundle', 'create', '--quiet', '-', '--all'], context);
      const stop = AbortSignal.any([signal, context.signal]);
      yield* scanned(scan, context.programs.output({ ...call, signal: stop }));
      content = scan.end();
    }
    const hasCommits = present.references.count > 0 || /^[0-9a-f]+$/.test(present.head ?? '');
    return {
      streams: [
        ...(hasCommits
          ? [{ path: toByteString(`${folder}/all.bundle`), bytes: bundle, profile: databaseProfile }]
          : []),
        ...smallFiles(found).map(({ name: file, bytes }) => ({ path: toByteString(`${folder}/${file}`), bytes })),
      ],
      truth: async () => {
        if (!hasCommits) return { ...present, objects: 0 };
        if (content === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
        const { references, objects } = content;
        return {
          ...present,
          head: headWithin(present.head, references),
          references: referencesOf(references),
          objects,
        };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },

  parseTruth: parseTruthWith(gitTruth),

  async verify(saved, context, steps) {
    if (steps.size === 0) return { passed: [], proved: [], differences: [] };
    try {
      return await verified(saved, context, steps);
    } catch (error) {
      const isAboutIt =
        error instanceof CoffreError && (error.code === 'SOURCE_INVALID' || error.code === 'SOURCE_VERIFY_FAILED');
      if (context.signal.aborted || !isAboutIt) throw error;
      return { passed: [], proved: [], differences: [messageOf(error)] };
    }
  },

  load: loadGit,

  async scratch(saved, context) {
    const folder = createPrivateFolder(context.temporaryFolder, sizeOf(saved) * 2);
    try {
      const bundle = join(folder.path, 'all.bundle');
      const content = await writeBundle(saved, bundle);
      const place = join(folder.path, 'repository.git');
      await buildRepository(saved, content && bundle, place, context);
      return { place, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  },

  async quickCheck({ path }, context) {
    const { place } = await findRepository(path, context);
    const head = await headOf(place, context);
    const references = await referencesIn(place, context);
    const isBorn = head === null || references.length === 0;
    if (!isBorn && (await tryGit(place, ['cat-file', '-e', 'HEAD^{commit}'], context)) === undefined) {
      return { passed: [], proved: [], differences: [`HEAD (${head}) leads to no commit`] };
    }
    return { passed: ['open'], proved: [`${references.length} references`], differences: [] };
  },

  present: async ({ path }, context) => await presentTruth(path, context),

  differences: compareGit,
};

/** HEAD without a branch may have moved between the look and the bundle; the bundle is what was saved. */
function headWithin(head: string | null, references: ReadonlyMap<string, string>): string | null {
  return head?.startsWith('refs/') === true ? head : (references.get('HEAD') ?? head);
}

function sizeOf({ streams }: SavedGit): number {
  return streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

async function verified(saved: SavedGit, context: SourceContext, steps: ReadonlySet<CheckStep>): Promise<Verification> {
  const { truth } = saved;
  using folder = createPrivateFolder(context.temporaryFolder, sizeOf(saved) * 2);
  const bundle = join(folder.path, 'all.bundle');
  const content = await writeBundle(saved, bundle);
  const passed: CheckStep[] = ['archive'];
  const proved = [content === undefined ? 'no commits yet' : 'bundle whole, hash right'];
  const differences = compareReferences(truth.references, referencesOf(content?.references ?? []));
  if ((content?.objects ?? 0) !== truth.objects) {
    differences.push(`${content?.objects ?? 0} objects instead of ${truth.objects ?? 0}`);
  }
  if (differences.length > 0) return { passed, proved, differences };
  const deeper: CheckStep[] = ['open', 'schema', 'row_counts'];
  if (deeper.some((step) => steps.has(step))) {
    const place = { folder: join(folder.path, 'repository.git') };
    await buildRepository(saved, content && bundle, place.folder, context);
    if (content !== undefined && !truth.isShallow) {
      await askGit({ ...place, readsBundle: true }, ['bundle', 'verify', '--quiet', bundle], context);
    }
    passed.push(...deeper);
    proved.push(`cloned: ${truth.references.count} references and ${truth.objects ?? 0} objects as saved`);
  }
  return { passed: passed.filter((step) => steps.has(step)), proved, differences };
}

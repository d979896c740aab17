/** Whether saved archives are what was recorded: by reading them, and by loading them into a server of our own. */
import { createHash } from 'node:crypto';
import { isCoffreError, messageOf } from '@coffre/repository';
import type { CheckStep, SavedSource, SourceContext, Verification } from '../source.ts';
import { ArchiveReader, isOplog } from './archive.ts';
import { checkDocument } from './bson.ts';
import { connectionOf, type MongodbAddress } from './mongodb-address.ts';
import type { MongodbSettings } from './mongodb-dump.ts';
import { planLoad } from './load-plan.ts';
import { loadCollections } from './mongodb-load.ts';
import { howToGetScratch, startScratchServer, type ScratchServer } from './mongodb-scratch.ts';
import { openTrial, type TrialServer } from './mongodb-trial.ts';
import {
  collectionTruthOf,
  compareCollections,
  isOfServer,
  type CollectionTruth,
  type MongodbTruth,
} from './mongodb-truth.ts';
import type { ServerFacts } from './topology.ts';

type Saved = SavedSource<MongodbTruth>;

export async function verifyArchives(
  saved: Saved,
  context: SourceContext,
  steps: ReadonlySet<CheckStep>,
  settings?: MongodbSettings,
): Promise<Verification> {
  if (steps.size === 0) return { passed: [], proved: [], differences: [] };
  const read = await readArchives(saved, steps.has('open'));
  const { documents, collections } = read;
  if (read.differences.length > 0) return { passed: [], proved: [], differences: read.differences };
  const passed: CheckStep[] = ['archive', 'open'];
  const proved = [`${documents} documents of ${collections} collections as counted, every checksum right`];
  if (steps.has('schema') || steps.has('row_counts')) {
    const loaded = await loadOnTrial(saved, context, settings);
    if (loaded.kind === 'differs') return { passed: only(passed, steps), proved, differences: loaded.differences };
    if (loaded.kind === 'loaded') {
      passed.push('schema', 'row_counts');
      proved.push(`loaded into ${loaded.program}, indexes and counts as saved`);
    } else {
      context.warn(`${saved.name} was read and not loaded: ${howToGetScratch}`);
    }
  }
  return { passed: only(passed, steps), proved, differences: [] };
}

function only(passed: readonly CheckStep[], steps: ReadonlySet<CheckStep>): CheckStep[] {
  return passed.filter((step) => steps.has(step));
}

type Reading = { readonly documents: number; readonly collections: number; readonly differences: readonly string[] };

async function readArchives(saved: Saved, deep: boolean): Promise<Reading> {
  const found: CollectionTruth[] = [];
  const differences: string[] = [];
  for (const { path, sha256, sizeBytes } of saved.truth.archives) {
    const reader = new ArchiveReader(deep ? { document: (bytes) => checkDocument(bytes) } : {});
    const hash = createHash('sha256');
    let readBytes = 0;
    try {
      for await (const piece of saved.read(path)) {
        readBytes += piece.byteLength;
        hash.update(piece);
        reader.push(piece);
      }
      found.push(
        ...reader
          .end()
          .collections.filter((one) => !isOplog(one))
          .map(collectionTruthOf),
      );
    } catch (error) {
      if (!isCoffreError(error, 'SOURCE_INVALID')) throw error;
      differences.push(`${path}: ${messageOf(error)}`);
      continue;
    }
    if (readBytes !== sizeBytes || hash.digest('hex') !== sha256)
      differences.push(`${path} is not what mongodump wrote`);
  }
  if (differences.length === 0) {
    differences.push(...compareCollections(saved.truth.collections, found, { schema: true, counts: true }));
  }
  return { documents: sum(found), collections: found.length, differences };
}

function sum(collections: readonly CollectionTruth[]): number {
  return collections.reduce((total, { documents }) => total + documents, 0);
}

type Trial =
  | { readonly kind: 'loaded'; readonly program: string }
  | { readonly kind: 'differs'; readonly differences: readonly string[] }
  | { readonly kind: 'no-server' };

async function loadOnTrial(
  saved: Saved,
  context: SourceContext,
  settings: MongodbSettings | undefined,
): Promise<Trial> {
  const server = await trialServer(saved, context, settings?.scratch);
  if (server === undefined) return { kind: 'no-server' };
  await using scratch = server;
  try {
    await loadInto(scratch, saved, context);
    return { kind: 'loaded', program: scratch.program };
  } catch (error) {
    const isAboutData = isCoffreError(error, 'SOURCE_VERIFY_FAILED') || isCoffreError(error, 'SOURCE_COMMAND_FAILED');
    if (!isAboutData) throw error;
    return { kind: 'differs', differences: [messageOf(error)] };
  }
}

async function trialServer(
  saved: Saved,
  context: SourceContext,
  named: MongodbAddress | undefined,
): Promise<TrialServer | undefined> {
  if (named !== undefined) {
    const data = saved.truth.collections.filter((one) => !isOfServer(one));
    const databases = [...new Set(data.map(({ database }) => database))];
    return await openTrial(connectionOf(named), databases, tokenOf(context), context);
  }
  const server = await scratchServer(saved, context);
  if (server === undefined) return undefined;
  const { connection, program } = server;
  const dispose = async (): Promise<void> => await server[Symbol.asyncDispose]();
  return { connection, program, databaseOf: (name) => name, [Symbol.asyncDispose]: dispose };
}

export async function scratchServer(saved: Saved, context: SourceContext): Promise<ScratchServer | undefined> {
  const sizeBytes = saved.truth.archives.reduce((total, one) => total + one.sizeBytes, 0);
  return await startScratchServer(sizeBytes, context);
}

export async function loadInto(
  { connection, databaseOf }: Pick<TrialServer, 'connection' | 'databaseOf'>,
  saved: Saved,
  context: SourceContext,
): Promise<ServerFacts> {
  const token = tokenOf(context);
  const plan = planLoad(saved.truth.collections, { databaseOf, only: [], token });
  return await loadCollections({ saved, connection, plan, overwrite: false, token }, context);
}

/** Different for every load, so that what one killed left behind is in nobody's way. */
export function tokenOf({ clock }: Pick<SourceContext, 'clock'>): string {
  return clock.nowNs().toString(36);
}

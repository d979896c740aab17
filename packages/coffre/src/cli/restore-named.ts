/** `coffre restore` by name, moment or newest: find, prove, show, ask, keep what is there, bring back. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { CoffreError, isCoffreError, shortId } from '@coffre/repository';
import type { IndexedRepository, StoredSnapshot } from '@coffre/repository';
import type { StatePlace } from '../access/state.ts';
import type { SourceConfig, SourceName } from '../config/config.ts';
import { restoreParts } from '../named/restore-parts.ts';
import type { RestorePart } from '../named/restore-parts.ts';
import { factsOf } from '../named/tags.ts';
import type { Verification } from '../store/verifications.ts';
import { auditedAs } from './audited.ts';
import { confirmStep } from './backup-named.ts';
import type { Cli } from './cli.ts';
import { configuredState, placeOfState } from './configured-state.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { Meant, MeantRepository } from './meant-repositories.ts';
import { findWanted, prove } from './restore-choice.ts';
import type { Proved } from './restore-choice.ts';
import { bringBack, foresee } from './restore-part.ts';
import type { PartWork } from './restore-part.ts';
import { preserve } from './restore-preserve.ts';
import { refuseContradictions, whereOf, wishOf } from './restore-wish.ts';
import type { NamedRestoreOptions } from './restore-wish.ts';
import { StepClock } from './step-clock.ts';
import { notedRestore } from './note-restore.ts';
import { noteVerification } from './note-verification.ts';

type Item = Proved & { readonly parts: readonly RestorePart[]; readonly config: SourceConfig | undefined };

export type NamedRestore = {
  readonly repository: string;
  readonly restored: readonly { readonly source: string | undefined; readonly snapshot: StoredSnapshot }[];
  /** Where things are now, for people; nothing on a dry run. */
  readonly places: readonly string[];
  /** Snapshots of what was replaced. */
  readonly kept: readonly string[];
  readonly durationMs: number;
};

export async function runNamedRestore(
  cli: Cli,
  names: readonly string[],
  options: NamedRestoreOptions,
  narrowed: PartWork['narrowed'],
): Promise<void> {
  refuseContradictions(names, options);
  const printer = cli.printer();
  const clock = new StepClock(
    (line) => {
      printer.normal(line);
      // Lines are gathered; these are watched.
      printer.terminal.flush();
    },
    { showsTime: options.emergency === true },
  );
  const { repository, restored, places, kept, durationMs } = await restoreNamed(
    cli,
    options,
    narrowed,
    clock,
    await meantRepositories(cli, options),
  );
  if (!printer.json) return;
  printer.message({
    schema: 'coffre.restore-named/1',
    repository,
    emergency: options.emergency === true,
    restored: restored.map(({ source, snapshot: { id, snapshot } }) => ({
      source: source ?? null,
      snapshot: id,
      time: snapshot.time,
    })),
    places,
    kept,
    seconds: Math.round(durationMs) / 1000,
  });
}

export async function restoreNamed(
  cli: Cli,
  options: NamedRestoreOptions,
  narrowed: PartWork['narrowed'],
  clock: StepClock,
  meant: Meant,
): Promise<NamedRestore> {
  const isEmergency = options.emergency === true;
  const where = whereOf(options);
  const keeps = where.kind === 'in-place' && options.preserve && (!isEmergency || options.preserveCurrent === true);
  const lock = keeps && options.dryRun !== true ? 'shared' : 'read';
  const found = await findWanted(meant, { wish: wishOf(options, meant.zone), lock, isEmergency, clock });
  const { repository } = found;
  await using session = found.session;
  const { signal, printer } = session;
  const indexed = await session.repository.loadIndex();
  const verified = await verifiedBefore(cli, meant, repository, isEmergency && options.verifiedOnly === true);
  const note = async (fact: Omit<Verification, 'repository'>): Promise<void> =>
    await noteVerification(cli, meant, 'restore', { ...fact, repository: repository.name });
  const items: Item[] = [];
  for (const candidates of found.candidates) {
    const proved = await prove(indexed, candidates, {
      isEmergency,
      verifiedOnly: options.verifiedOnly === true,
      verified,
      clock,
      signal,
      damaged: async ({ id }, why) => await note({ kind: 'restore', subject: id, outcome: 'damaged', detail: why }),
    });
    const config = meant.configured?.config.sources.get((proved.source ?? '') as SourceName);
    const parts = restoreParts(proved.stored, proved.signed?.manifest, where);
    items.push({ ...proved, parts, config });
  }
  if (where.kind === 'in-place') refuseElsewhere(items);
  const works = items.map((item) => workOf(cli, { item, indexed, options, narrowed, meant, signal }));
  for (const [index, item] of items.entries()) {
    const from = `${shortId(item.stored.id)} of ${item.stored.snapshot.time}`;
    clock.say(`${item.source ?? 'snapshot'}: ${from}, from ${repository.name}`);
    for (const part of item.parts) clock.say(`  ${await foresee(part, works[index]!, { isQuick: isEmergency })}`);
  }
  if (where.kind === 'in-place') clock.say(keepsText(keeps));
  const restored = items.map(({ source, stored }) => ({ source, snapshot: stored }));
  const outcome = { repository: repository.name, restored };
  if (options.dryRun === true) {
    clock.say('nothing was written: --dry-run');
    return { ...outcome, places: [], kept: [], durationMs: clock.elapsedMs };
  }
  if (where.kind === 'in-place') await confirmStep(cli, 'Replace it?', options.confirm === true);
  const shown = items.map(({ source, stored, parts }) => ({
    source: source ?? '',
    snapshot: stored.id,
    parts: parts.map((part) => (part.kind === 'files' ? part.roots.join(' ') : part.entry.name)),
  }));
  const place: StatePlace = await placeOfState(cli, meant.configured);
  const done = await auditedAs(
    { cli, printer, state: place },
    { repository: session.repository.config.id },
    {
      action: isEmergency ? 'restore emergency' : 'restore',
      // Only what replaces something destroys something.
      dryRun: where.kind !== 'in-place',
      shown,
      work: async () =>
        await restoreAll(items, works, {
          keeps,
          indexed,
          clock,
          stateFolder: place.folder,
          noted: async ({ source, stored }, bring) => {
            const of = {
              plan: factsOf(stored.snapshot).plan,
              source,
              repository: repository.name,
              snapshot: stored.id,
            };
            await notedRestore(cli, meant, of, bring);
          },
        }),
      done: ({ places, kept }) => ({ places: [...places], kept: [...kept] }),
    },
  );
  for (const { stored } of items) await note({ kind: 'restore', subject: stored.id, outcome: 'good' });
  clock.say(`restored ${items.map(({ source, stored }) => source ?? shortId(stored.id)).join(', ')}`);
  return { ...outcome, ...done, durationMs: clock.elapsedMs };
}

type WorkParts = {
  readonly item: Item;
  readonly indexed: IndexedRepository;
  readonly options: NamedRestoreOptions;
  readonly narrowed: PartWork['narrowed'];
  readonly meant: Meant;
  readonly signal: AbortSignal;
};

/** @throws {CoffreError} USAGE */
function workOf(cli: Cli, { item, indexed, options, narrowed, meant, signal }: WorkParts): PartWork {
  const { config } = item;
  const pattern = config?.type === 'files' ? config.moduleFrom : undefined;
  if (options.module !== undefined && pattern === undefined) {
    throw new CoffreError('USAGE', `${item.source ?? 'the snapshot'} has no modules`, {
      hint: 'Name a source of files with `module_from` in the configuration: --source SITE/SOURCE.',
    });
  }
  const module = options.module === undefined || pattern === undefined ? undefined : { name: options.module, pattern };
  return {
    cli,
    indexed,
    tree: item.stored.snapshot.tree,
    isInPlace: options.target === undefined,
    delete: options.delete === true,
    overwrite: options.overwrite,
    module,
    narrowed,
    plan: factsOf(item.stored.snapshot).plan,
    source: config,
    configured: meant.configured,
    signal,
  };
}

type Doing = {
  readonly keeps: boolean;
  readonly indexed: IndexedRepository;
  readonly clock: StepClock;
  readonly stateFolder: string;
  readonly noted: (item: Item, bring: () => Promise<number>) => Promise<void>;
};

/** Everything that is there is saved before the first thing is replaced. */
async function restoreAll(
  items: readonly Item[],
  works: readonly PartWork[],
  { keeps, indexed, clock, stateFolder, noted }: Doing,
): Promise<{ places: string[]; kept: string[] }> {
  const kept: string[] = [];
  const run = randomBytes(6).toString('hex');
  for (const [index, { parts, stored, source }] of keeps ? items.entries() : []) {
    const { plan } = factsOf(stored.snapshot);
    const { snapshot, left } = await preserve({ indexed, parts, plan, source, run, work: works[index]!, stateFolder });
    for (const name of left) clock.say(`${name} is not configured here: what is there now is not kept`);
    if (snapshot === undefined && left.length === 0) clock.say(`${source ?? 'nothing'}: nothing is there to keep`);
    if (snapshot === undefined) continue;
    kept.push(snapshot);
    clock.say(`${source ?? 'what is there now'} is kept as ${shortId(snapshot)}, for a week at least`);
  }
  const places: string[] = [];
  try {
    for (const [index, item] of items.entries()) {
      await noted(item, async () => {
        let bytes = 0;
        for (const part of item.parts) {
          const { place, bytesWritten } = await bringBack(part, works[index]!);
          bytes += bytesWritten;
          places.push(place);
          clock.say(`${item.source ?? 'snapshot'}: ${place}`);
        }
        return bytes;
      });
    }
  } catch (error) {
    if (!isCoffreError(error) || kept.length === 0) throw error;
    const back = `coffre restore --name ${shortId(kept[0] as StoredSnapshot['id'])} --confirm`;
    throw new CoffreError(error.code, error.message, {
      hint: `${error.hint === undefined ? '' : `${error.hint} `}What was there before comes back with: ${back}`,
      cause: error,
    });
  }
  return { places, kept };
}

function keepsText(keeps: boolean): string {
  return keeps
    ? 'what is there now is saved first, as a temporary backup'
    : 'what is there now is not kept; --preserve-current saves it first';
}

/** In place means on the machine where it was. @throws {CoffreError} SOURCE_NOT_HERE */
function refuseElsewhere(items: readonly Item[]): void {
  for (const { config, stored, source } of items) {
    const host = config === undefined ? stored.snapshot.hostname : config.host;
    if (host === undefined || host === hostname()) continue;
    throw new CoffreError(
      'SOURCE_NOT_HERE',
      `${source ?? shortId(stored.id)} belongs on ${host}, not on ${hostname()}`,
      {
        hint: 'Restore it there, or beside what is here with --target FOLDER.',
      },
    );
  }
}

async function verifiedBefore(
  cli: Cli,
  { configured }: Meant,
  { name }: MeantRepository,
  isWanted: boolean,
): Promise<ReadonlySet<string>> {
  if (!isWanted) return new Set();
  await using state = await configuredState(cli, configured);
  if (state === undefined) return new Set();
  const { verifiedSnapshots } = await import('../store/verified-snapshots.ts');
  return new Set((await verifiedSnapshots(state, name)).keys());
}

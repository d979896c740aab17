/**
 * `coffre start`: the whole way once, on this machine, with proof. Backs up, verifies, restores into a scratch folder,
 * compares. Without paths it makes a small application first; with paths it takes the user's own folders.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CoffreError, makeFolders, toByteString, toText, type ByteString, type Host } from '@coffre/repository';
import { quoteName } from '../cli/output/display.ts';
import type { Printer } from '../cli/output/printer.ts';
import { addTodaysPhoto, applicationBytes, databaseName, makeApplication } from './application.ts';
import { compareFolders, emptyComparison, type FolderComparison } from './compare-folders.ts';
import { copyDatabase, proveDatabase, type DatabaseProof, type DatabaseTruth } from './database-copy.ts';
import { Narration } from './narration.ts';
import { counted, sizeText } from './size-text.ts';
import { unitsIn, unitsInTheWorld } from './shop.ts';
import { RunningShop } from './shop-process.ts';
import { claimTrialFolder, trialPassword, type TrialFolder } from './trial-folder.ts';
import { complaintsOf, differencesIn, type TrialOutcome } from './trial-outcome.ts';
import { TrialRepository, type SavedTrial } from './trial-repository.ts';
import { applicationSources, measureSources, ownSources, requireSpace, type TrialSources } from './trial-sources.ts';
import { sayComparison, sayNextCommands, sayOpening, sayOutcome, type Setting } from './trial-words.ts';

export type StartRequest = {
  /** As typed; seen from `workingFolder`. None: the small application. */
  readonly paths: readonly string[];
  /** Where the trial lives; `coffre-demo` when absent. */
  readonly folder?: string | undefined;
};

export type StartDoors = {
  readonly host: Host;
  readonly printer: Printer;
  readonly workingFolder: string;
  readonly colors: boolean;
  readonly signal: AbortSignal;
};

/** @throws {CoffreError} TRIAL_FOLDER_REFUSED, TRIAL_SPACE_SHORT, SOURCE_MISSING, TRIAL_DIFFERS, and those of the repository */
export async function runStart(request: StartRequest, doors: StartDoors): Promise<TrialOutcome> {
  const { workingFolder } = doors;
  const narration = new Narration(doors.printer, {
    colors: doors.colors,
    monotonicMs: () => doors.host.clock.monotonicMs(),
  });
  const folder = claimTrialFolder(resolve(workingFolder, request.folder ?? 'coffre-demo'), workingFolder);
  const trial = new Trial(folder, doors, narration);
  return request.paths.length === 0 ? await trial.ofApplication() : await trial.ofOwn(request.paths);
}

type CopiedDatabase = { readonly path: string; readonly truth: DatabaseTruth };

class Trial {
  readonly #folder: TrialFolder;
  readonly #doors: StartDoors;
  readonly #narration: Narration;

  constructor(folder: TrialFolder, doors: StartDoors, narration: Narration) {
    this.#folder = folder;
    this.#doors = doors;
    this.#narration = narration;
  }

  async ofApplication(): Promise<TrialOutcome> {
    // Before anything is written: the application takes about this much.
    requireSpace(this.#folder.path, { entries: 0, sizeBytes: applicationBytes });
    const { made } = makeApplication(this.#folder.application);
    if (!made) addTodaysPhoto(this.#folder.application);
    const sources = applicationSources(this.#folder);
    const repository = await this.#open(sources, { kind: 'application', made });
    await using shop = await RunningShop.start(join(this.#folder.application, databaseName));
    const database = await this.#copyDatabase();
    const outcome = await this.#backUpAndProve(sources, repository, database);
    const orders = await shop.stop();
    this.#finish(outcome, { ordersMeanwhile: orders });
    return outcome;
  }

  async ofOwn(typed: readonly string[]): Promise<TrialOutcome> {
    const paths = typed.map((path) => toByteString(resolve(this.#doors.workingFolder, path)));
    const sources = ownSources(paths, this.#folder);
    const repository = await this.#open(sources, { kind: 'own', paths });
    const outcome = await this.#backUpAndProve(sources, repository, undefined);
    rmSync(this.#folder.restored, { recursive: true, force: true });
    this.#finish(outcome, {});
    return outcome;
  }

  async #open(sources: TrialSources, setting: Setting): Promise<TrialRepository> {
    const { host, signal } = this.#doors;
    const missing = sources.paths.filter((path) => sources.kind === 'own' && !existsSync(Buffer.from(path, 'latin1')));
    if (missing.length > 0) {
      throw new CoffreError(
        'SOURCE_MISSING',
        `${missing.map((path) => quoteName(toText(path))).join(' and ')} does not exist`,
        {
          hint: 'Check the spelling and whether the disk is mounted; nothing was saved.',
        },
      );
    }
    const size = await measureSources(sources, host.files, signal);
    requireSpace(this.#folder.path, size);
    const password = trialPassword(this.#folder, host.random);
    sayOpening(this.#narration, this.#folder, setting, size);
    return TrialRepository.open(this.#folder, { host, password, signal });
  }

  async #copyDatabase(): Promise<CopiedDatabase> {
    const { copies } = this.#folder;
    makeFolders(copies);
    const path = join(copies, 'shop.sqlite');
    const { value } = await this.#narration.step('Copied', async () => {
      const truth = await copyDatabase(join(this.#folder.application, databaseName), path);
      // Beside the copy and in the same backup, so that whoever restores it can prove it too.
      writeFileSync(join(copies, 'shop.truth.json'), `${JSON.stringify(truth, null, 2)}\n`);
      const rows = truth.tables.reduce((sum, table) => sum + table.rows, 0);
      return {
        value: truth,
        lines: [
          `database: ${rows} rows in ${truth.tables.length} tables, one consistent moment while orders keep coming in`,
        ],
        figures: { tables: truth.tables.length, rows },
      };
    });
    return { path, truth: value };
  }

  async #backUpAndProve(
    sources: TrialSources,
    repository: TrialRepository,
    database: CopiedDatabase | undefined,
  ): Promise<TrialOutcome> {
    await using opened = repository;
    const saved = await opened.backUp(this.#narration, sources);
    await opened.verify(this.#narration);
    const restored = await opened.bringBack(this.#narration, saved);
    const comparison = await this.#compare(sources, saved);
    const proof = database === undefined ? undefined : await this.#prove(database);
    const outcome = { folder: this.#folder, snapshotId: saved.snapshotId, restored, comparison, database: proof };
    this.#refuseDifferences(outcome);
    return outcome;
  }

  async #compare(sources: TrialSources, saved: SavedTrial): Promise<FolderComparison> {
    const { host, signal } = this.#doors;
    const result = emptyComparison();
    const owners = host.identity.uid === 0;
    const { startedAt: since, unreadable } = saved;
    const options = { files: host.files, since, skip: sources.skip, unreadable, owners, signal };
    await this.#narration.step(
      'Compared',
      async () => {
        for (const path of sources.paths) {
          const restored = `${toByteString(this.#folder.restored)}${path}` as ByteString;
          await compareFolders(path, restored, options, result);
        }
        return { value: undefined, ...sayComparison(result, owners) };
      },
      () => `${result.files} files, ${sizeText(result.sizeBytes)}`,
    );
    return result;
  }

  async #prove({ path, truth }: CopiedDatabase): Promise<DatabaseProof> {
    const { value } = await this.#narration.step('Queried', async () => {
      const proof = proveDatabase(join(this.#folder.restored, path), truth, (opened) =>
        unitsIn(opened) === unitsInTheWorld ? [] : ['stock and sales do not add up'],
      );
      const complaints = complaintsOf(proof);
      const verdict =
        complaints.length === 0
          ? `intact, ${proof.rows} rows in ${proof.tables} tables, each as at the moment of the copy; stock and sales add up`
          : complaints.join('; ');
      return { value: proof, lines: [`database: ${verdict}`], figures: { ...proof } };
    });
    return value;
  }

  #refuseDifferences(outcome: TrialOutcome): void {
    const count = differencesIn(outcome);
    if (count === 0) return;
    const { comparison, database } = outcome;
    const named = [
      ...comparison.differences.map(({ path, what }) => `${quoteName(toText(path))}: ${what}`),
      ...(database === undefined ? [] : complaintsOf(database)),
    ];
    throw new CoffreError(
      'TRIAL_DIFFERS',
      [`${counted(count, 'difference')} between what was saved and what was restored`, ...named].join('\n  '),
      { hint: `The restored copy is kept in ${this.#folder.restored}; please report this.` },
    );
  }

  /** @throws {CoffreError} SOURCE_INCOMPLETE after all is said: what could not be read is in no backup */
  #finish(outcome: TrialOutcome, extra: { ordersMeanwhile?: number }): void {
    sayOutcome(this.#narration, outcome, extra);
    sayNextCommands(this.#narration, outcome.folder);
    this.#narration.message({
      message_type: 'summary',
      snapshot_id: outcome.snapshotId,
      folder: outcome.folder.path,
      restored_bytes: outcome.restored.sizeBytes,
      restore_seconds: outcome.restored.durationMs / 1000,
      files_compared: outcome.comparison.files,
      differences: outcome.comparison.differenceCount,
      ...(outcome.database === undefined ? {} : { database_rows: outcome.database.rows }),
    });
    const { unreadable } = outcome.comparison;
    if (unreadable === 0) return;
    throw new CoffreError(
      'SOURCE_INCOMPLETE',
      `${counted(unreadable, 'entry', 'entries')} could not be read and cannot be restored`,
      {
        hint: 'Run it as a user who may read them, or leave them out.',
      },
    );
  }
}

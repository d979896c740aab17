/**
 * The program as a library: `import { Coffre } from 'coffre'`. It does what the commands of the same names do, with the
 * same configuration, locks, history and audit log, and gives values instead of lines.
 */
import { CoffreError } from '@coffre/repository';
import type { RunMessage } from './run/run-message.ts';
import type { RunPurpose, RunResult } from './run/run-request.ts';
import { createLibraryCli } from './cli/library-cli.ts';
import type { Cli } from './cli/cli.ts';
import type { Configured, Meant } from './cli/meant-repositories.ts';
import { createEvents } from './library/events.ts';
import type { CoffreEvents, Events } from './library/events.ts';
import type {
  CreateBackup,
  ListedBackup,
  ListFilter,
  OpenOptions,
  RestoredBackup,
  RestoreWish,
  VerifiedBackup,
} from './library/types.ts';

export { CoffreError, isCoffreError, type ErrorCode } from '@coffre/repository';
export type { BackupKind } from './named/tags.ts';
export type { PartResult, RunResult } from './run/run-request.ts';
export type {
  ChannelDoors,
  Extension,
  ExtensionChannel,
  ExtensionRetention,
  ExtensionSource,
  ExtensionStorage,
  ExtensionTrigger,
  ExtensionValidation,
  TriggerDoors,
} from './extension/contract.ts';
export type { Notice, NoticeSeverity } from './extension/notice.ts';
export type * from './source/source.ts';
export type { CoffreEvents } from './library/events.ts';
export type * from './library/types.ts';

export class Coffre implements AsyncDisposable {
  readonly #cli: Cli;
  readonly #configured: Configured;
  readonly #events: Events;
  readonly #stop: AbortController;
  readonly #working = new Set<Promise<unknown>>();

  private constructor(parts: { cli: Cli; configured: Configured; events: Events; stop: AbortController }) {
    this.#cli = parts.cli;
    this.#configured = parts.configured;
    this.#events = parts.events;
    this.#stop = parts.stop;
  }

  /** Found as the commands find it where no file is named. @throws {CoffreError} CONFIG_NOT_FOUND, CONFIG_INVALID */
  static async open(file?: string, { environment = process.env, signal }: OpenOptions = {}): Promise<Coffre> {
    const { requireConfigured } = await import('./cli/meant-repositories.ts');
    const stop = new AbortController();
    const events = createEvents();
    const cli = createLibraryCli({
      environment,
      signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]),
      warn: (text) => events.emit('warning', { text }),
    });
    return new Coffre({ cli, configured: await requireConfigured(cli, file), events, stop });
  }

  /** @returns what takes the listener away again */
  on<Name extends keyof CoffreEvents>(name: Name, listener: (event: CoffreEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Names of the plans that can be run. */
  get plans(): readonly string[] {
    return [...this.#configured.config.plans.keys()];
  }

  /** A run that fails is a result, not an exception. @throws {CoffreError} PLAN_UNKNOWN; errors of the state */
  async runBackup(plan: string, { full = false }: { readonly full?: boolean } = {}): Promise<RunResult> {
    return await this.#work(async () => {
      const [{ withRunSurroundings }, { runPlan }, { runPurpose }] = await Promise.all([
        import('./cli/planned-runs.ts'),
        import('./run/run-plan.ts'),
        import('./run/run-request.ts'),
      ]);
      const purpose: RunPurpose = runPurpose.parse({ full });
      const name = plan as RunResult['plan'];
      return await withRunSurroundings(this.#cli, this.#configured, this.#tell(plan), async (around) =>
        this.#ended(await runPlan(around, { plan: name, purpose })),
      );
    });
  }

  /** As `coffre backup create`. @throws {CoffreError} BACKUP_NAME_TAKEN, USAGE, PLAN_UNKNOWN */
  async createBackup(wish: CreateBackup): Promise<RunResult> {
    return await this.#work(async () => {
      const { saveNamed } = await import('./cli/backup-create.ts');
      const { pin, ...rest } = wish;
      const options = { ...rest, ...(pin === true ? { pin } : {}) };
      return this.#ended(await saveNamed(this.#cli, this.#configured, options, this.#tell(wish.plan ?? wish.name)));
    });
  }

  /** Newest first. @throws {CoffreError} when a repository cannot be listed */
  async listBackups(filter: ListFilter = {}): Promise<ListedBackup[]> {
    return await this.#work(async () => {
      const { listBackups, unlisted } = await import('./cli/backup-list.ts');
      const { recent, ...rest } = filter;
      const listed = await listBackups(this.#cli, await this.#meant(filter), { ...rest, countMax: recent });
      const [first] = listed.failed;
      if (first !== undefined) throw unlisted(first);
      const { factsOf } = await import('./named/tags.ts');
      return listed.backups.map(({ backup, repository, verifiedMs }) => ({
        name: backup.name,
        answersTo: backup.names,
        created: new Date(backup.createdMs),
        sizeBytes: backup.sizeBytes,
        kind: backup.kind,
        isPinned: backup.isPinned,
        description: backup.description,
        plan: backup.plan,
        repository,
        verified: verifiedMs === undefined ? undefined : new Date(verifiedMs),
        snapshots: backup.snapshots.map(({ id, snapshot }) => ({ id, source: factsOf(snapshot).source })),
      }));
    });
  }

  /** As `coffre restore --name|--latest|--at`. @throws {CoffreError} */
  async restoreBackup(wish: RestoreWish): Promise<RestoredBackup> {
    return await this.#work(async () => {
      const [{ restoreNamed }, { restoreOptions }, { StepClock }] = await Promise.all([
        import('./cli/restore-named.ts'),
        import('./cli/library-restore.ts'),
        import('./cli/step-clock.ts'),
      ]);
      const options = restoreOptions(wish);
      const clock = new StepClock((text) => this.#events.emit('restore.step', { text }), { showsTime: false });
      const { restored, ...rest } = await restoreNamed(
        this.#cli,
        options,
        undefined,
        clock,
        await this.#meant(options),
      );
      return {
        ...rest,
        restored: restored.map(({ source, snapshot: { id, snapshot } }) => ({
          source,
          snapshot: id,
          time: snapshot.time,
        })),
      };
    });
  }

  /** Every byte read back, in every repository that has it. @throws {CoffreError} SNAPSHOT_NOT_FOUND; storage errors */
  async verifyBackup(name: string, filter: Pick<ListFilter, 'from'> = {}): Promise<VerifiedBackup> {
    return await this.#work(async () => {
      const { verifyBackups } = await import('./cli/backup-verify.ts');
      const snapshots = await verifyBackups(this.#cli, await this.#meant(filter), name);
      return { isSound: snapshots.every(({ problems }) => problems.length === 0), snapshots };
    });
  }

  /** Stops what runs and waits until it ended: no lock and no child is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new CoffreError('INTERRUPTED', 'the library was closed'));
    await Promise.allSettled(this.#working);
  }

  async #meant(options: { readonly from?: readonly string[] | undefined }): Promise<Meant> {
    const { meantOf } = await import('./cli/meant-repositories.ts');
    return meantOf(this.#cli, this.#configured, options);
  }

  async #work<T>(work: () => Promise<T>): Promise<T> {
    this.#cli.signal.throwIfAborted();
    const working = work();
    this.#working.add(working);
    try {
      return await working;
    } finally {
      this.#working.delete(working);
    }
  }

  #tell(plan: string): (message: RunMessage) => void {
    return (message) => this.#events.emitRun(plan, message);
  }

  #ended(result: RunResult): RunResult {
    const isGood = result.outcome === 'success' || result.outcome === 'warning';
    this.#events.emit(isGood ? 'run.finished' : 'run.failed', result);
    return result;
  }
}

/** All that `coffre serve` is: the loop, its socket, what is paused, and a configuration that can change under it. */
import type { Config } from '../config/config.ts';
import { Zones } from '../schedule/zone.ts';
import { leasesNow } from '../store/leases.ts';
import { isManagerLease } from '../store/managers.ts';
import type { Caps } from '../schedule/plan-entry.ts';
import { serveControl } from './control/control-server.ts';
import { jobView, waitingViews } from './control/control-view.ts';
import type { DaemonStatus } from './control/control-view.ts';
import { ExtensionWork } from './extension-work.ts';
import type { ExtensionDoors } from './extension-work.ts';
import { Leftovers } from './leftovers.ts';
import { DueLoop } from './loop.ts';
import type { LoopParts } from './loop.ts';
import { isElsewhere } from './held-elsewhere.ts';
import { OverdueWatch } from './overdue-watch.ts';
import { loadProgress } from './progress.ts';
import { readPauses } from './pauses.ts';
import { Succession } from './succession.ts';
import { ChangeWatches } from './watch/change-watches.ts';
import { DatabaseWatches } from './watch/database-watches.ts';
import { workOf } from './work.ts';
import type { Work } from './work.ts';

export type DaemonParts = Omit<LoopParts, 'zones' | 'limits' | 'leftovers' | 'alerts' | 'onLetters'> & {
  /** Absent: no trigger listens, and nothing is sent. */
  readonly extensions?: ExtensionDoors;
  readonly stateFolder: string;
  /** As it was named; for people. */
  readonly configName: string;
  /** Reads and checks the file again. @throws {CoffreError} with every mistake */
  readonly readConfig: () => Promise<Config>;
  /** After the start, and after the machine woke or its clock was set. */
  readonly settleMs: number;
  /** How often watched folders are looked through, whatever events say. */
  readonly scanEveryMs?: number;
  /** Without a word for so long, a manager counts as gone. What others changed in the state is looked at four times as often. */
  readonly managerLeaseMs?: number;
};

const managerLeaseDefaultMs = 60_000;

export class Daemon {
  readonly loop: DueLoop;
  readonly #parts: DaemonParts;
  readonly #startedAtMs: number;
  readonly #watches: ChangeWatches;
  readonly #databases: DatabaseWatches;
  readonly #leftovers: Leftovers;
  readonly #succession: Succession;
  readonly #extensions: ExtensionWork;
  readonly #overdue: OverdueWatch;
  #pausedUntilMs: number | undefined;
  #configProblem: string | undefined;
  #isHeldElsewhere = false;
  #timer: Disposable | undefined;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: DaemonParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.clock.now().wallMs;
    this.#watches = new ChangeWatches({ ...parts, onChange: (plan) => this.loop.changed(plan) });
    this.#databases = new DatabaseWatches({ ...parts, onChange: (plan) => this.loop.changed(plan) });
    this.#leftovers = new Leftovers(parts.stateFolder, parts.clock);
    const telling = { alerts: () => this.#extensions.alerts, onLetters: () => this.#extensions.wake() };
    this.loop = new DueLoop({
      ...parts,
      ...telling,
      leftovers: this.#leftovers,
      zones: new Zones(),
      limits: { runsMax: 1, runsPerHostMax: 1, settleMs: parts.settleMs },
    });
    this.#extensions = new ExtensionWork({ ...parts, leftovers: this.#leftovers }, (plan, use) =>
      this.loop.fired(plan, use),
    );
    this.#overdue = new OverdueWatch({ ...parts, ...telling });
    const leaseMs = parts.managerLeaseMs ?? managerLeaseDefaultMs;
    this.#succession = new Succession({ ...parts, ...telling, loop: this.loop, leaseMs });
  }

  get status(): DaemonStatus {
    const { loop } = this;
    const { triggers } = this.#extensions;
    return {
      schema: 'coffre.daemon/1',
      pid: process.pid,
      startedAt: new Date(this.#startedAtMs).toISOString(),
      config: this.#parts.configName,
      plans: this.#planNames.length,
      planNames: this.#planNames,
      ...(this.#pausedUntilMs !== undefined && { pausedUntil: new Date(this.#pausedUntilMs).toISOString() }),
      ...(this.#configProblem !== undefined && { configProblem: this.#configProblem }),
      jobs: [...loop.jobs.values()].map(jobView),
      waiting: waitingViews(loop),
      ...(triggers.length > 0 && { triggers }),
    };
  }

  /** Without their copies, and without the care of repositories. */
  get #planNames(): string[] {
    return [...this.loop.works.values()]
      .filter(({ history }) => history.kind === 'backup')
      .map(({ history }) => history.plan);
  }

  async start(config: Config): Promise<void> {
    const { store, log, machine } = this.#parts;
    this.#extensions.know(config);
    await this.#succession.look();
    const left = await this.#leftovers.endLost();
    if (left > 0) log.warn('run.leftovers', { count: left });
    await this.#lookAround();
    this.loop.limit(limitsOf(config));
    const works = workOf(config, machine.host);
    for (const { work, progress } of await loadProgress(store, [...works.values()])) this.loop.put(work, progress);
    this.#watches.watch(works.values());
    this.#databases.watch(works.values());
    this.#extensions.take(config, [...works.values()]);
    this.#overdue.take(config);
    this.#arm();
  }

  async listen(): Promise<AsyncDisposable> {
    return await serveControl(this.#parts.stateFolder, {
      loop: () => this.loop,
      status: () => this.status,
      reload: async () => await this.reload(),
      refresh: async () => await this.refresh(),
    });
  }

  /** A mistake in the changed file keeps the old configuration. @throws {CoffreError} */
  async reload(): Promise<{ readonly plans: number }> {
    return await this.#inTurn(async () => {
      const { readConfig, log } = this.#parts;
      let config: Config;
      try {
        config = await readConfig();
      } catch (error) {
        this.#configProblem = error instanceof Error ? error.message : String(error);
        log.error('config.refused', { error });
        throw error;
      }
      await this.#take(config);
      this.#configProblem = undefined;
      log.info('config.loaded', { plans: this.#planNames.length });
      return { plans: this.#planNames.length };
    });
  }

  /** Looks at what was paused or resumed, and at what others do. */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => await this.#lookAround());
  }

  async stop(how: { readonly drain: boolean }): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#watches[Symbol.dispose]();
    this.#databases[Symbol.dispose]();
    await this.#overdue.stop();
    await this.#extensions.stopTriggers();
    await this.loop.stop(how);
    await this.#extensions.stopSending();
    await this.#succession.end();
  }

  /** Plans that are as they were are not touched. */
  async #take(config: Config): Promise<void> {
    const { store, machine } = this.#parts;
    const works = workOf(config, machine.host);
    const changed = [...works.values()].filter((work) => !isSame(work, this.loop.works.get(work.entry.plan)));
    const loaded = await loadProgress(store, changed);
    for (const plan of this.loop.works.keys()) if (!works.has(plan)) this.loop.remove(plan);
    for (const { work, progress } of loaded) this.loop.put(work, { handledMs: progress.handledMs });
    this.#watches.watch(works.values());
    this.#databases.watch(works.values());
    this.#extensions.take(config, [...works.values()]);
    this.#overdue.take(config);
    this.loop.limit(limitsOf(config));
  }

  /** What is paused, what others hold, and what those who are gone left behind. */
  async #lookAround(): Promise<void> {
    const { store, machine } = this.#parts;
    const { allUntilMs, plansUntilMs } = await readPauses(store);
    const ownPids = new Set([...this.loop.jobs.values()].flatMap(({ process }) => process?.pid ?? []));
    const heldElsewhere = (await leasesNow(store)).filter(
      (lease) => !isManagerLease(lease) && isElsewhere(lease.holder, machine, ownPids),
    );
    this.#pausedUntilMs = allUntilMs;
    this.#isHeldElsewhere = heldElsewhere.length > 0;
    this.loop.pause(plansUntilMs);
    this.loop.surround({ heldElsewhere, ...(allUntilMs !== undefined && { pausedUntilMs: allUntilMs }) });
  }

  #arm(): void {
    const { everyMs } = this.#succession;
    const heldPauseMs = Math.min(this.#parts.heldPauseMs, everyMs);
    this.#timer = this.#parts.clock.after(this.#isHeldElsewhere ? heldPauseMs : everyMs, () => {
      const failed = (error: unknown): void => this.#parts.log.error('state.unavailable', { error });
      void this.#inTurn(async () => await this.#succession.look())
        .then(async () => await this.refresh())
        .catch(failed)
        .then(() => this.#arm());
    });
  }

  /** Two changes at once would see each other half done. */
  async #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change, change);
    this.#changing = done.catch(() => undefined);
    return await done;
  }
}

function limitsOf({ server }: Config): Caps {
  return { runsMax: server.runsMax, runsPerHostMax: server.runsPerHostMax };
}

function isSame(work: Work, known: Work | undefined): boolean {
  if (known === undefined) return false;
  const { usualMs: _, ...entry } = known.entry;
  return JSON.stringify({ ...work, entry: { ...work.entry } }) === JSON.stringify({ ...known, entry });
}

/** An open repository for the length of one verb, with its lock. */
import { startLock } from '@coffre/repository';
import type { HeldLock, LockEvent, PendingLock, Repository } from '@coffre/repository';
import {
  cacheBase,
  cacheFolders,
  dayMs,
  removeFolders,
  repositoryCache,
  unusedFolders,
} from '../access/cache-folder.ts';
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import type { GlobalOptions } from './global-options.ts';
import { formatFixed, formatGoDuration } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { openAccess } from './repository-access.ts';
import type { Access } from './repository-access.ts';

/** `read` goes on with a warning where no lock can be written, except beside somebody's exclusive lock. */
export type LockWish = 'none' | 'read' | 'shared' | 'exclusive';

export class Session implements AsyncDisposable {
  readonly repository: Repository;
  readonly printer: Printer;
  readonly globals: GlobalOptions;
  /** Settles when the lock is held, or cannot be had. Nothing is written or shown before. */
  readonly locked: Promise<void>;
  /** Aborts on a signal, when the lock cannot be had, and when it is lost. */
  readonly signal: AbortSignal;
  readonly #lock: PendingLock | undefined;

  constructor(parts: {
    repository: Repository;
    printer: Printer;
    globals: GlobalOptions;
    signal: AbortSignal;
    lock: PendingLock | undefined;
  }) {
    this.repository = parts.repository;
    this.printer = parts.printer;
    this.globals = parts.globals;
    this.#lock = parts.lock;
    const lost = new AbortController();
    this.signal = AbortSignal.any([parts.signal, lost.signal]);
    this.locked = (parts.lock?.held ?? Promise.resolve(undefined)).then(
      (lock) => lock?.signal.addEventListener('abort', () => lost.abort(lock.signal.reason)),
      (error: unknown) => {
        lost.abort(error);
        throw error;
      },
    );
    // Whoever works beside the wait looks at it in the end; until then it is not a stray rejection.
    this.locked.catch(() => undefined);
  }

  /** Reads beside the wait for the lock; what was read counts only once the lock is held. */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    const [result] = await Promise.all([read(), this.locked]);
    return result;
  }

  /** For a verb that goes on under locks of its own. */
  async unlock(): Promise<void> {
    await this.#lock?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unlock();
    await this.repository[Symbol.asyncDispose]();
  }
}

export type SessionOptions = {
  /** Come back while the lock is still being waited for; the verb awaits `locked` itself. */
  readonly besideLock?: boolean;
  readonly printer?: Printer;
  /** The storage pretends: what is written is forgotten. */
  readonly dryRun?: boolean;
  /** The storage itself answers, never the local cache; the verb has the same word in `verbs.ts`. */
  readonly uncached?: boolean;
  /** Another repository than that of `--repo`. */
  readonly access?: Access;
  /** Opened already, as the configuration names it. */
  readonly opened?: Repository;
};

/** Opens and locks. `--no-lock` is honoured for reading only; a verb that writes refuses or ignores it itself. */
export async function openSession(cli: Cli, wish: LockWish, options: SessionOptions = {}): Promise<Session> {
  const { printer = cli.printer(), besideLock = false, dryRun = false, uncached = false } = options;
  const globals = cli.globals();
  const early = dryRun || (options.access ?? options.opened) !== undefined ? undefined : cli.takeOpening();
  const given = options.opened === undefined ? undefined : { repository: options.opened, keyMs: 0 };
  const { repository, keyMs } =
    given ??
    (await (early ?? openAccess(cli, { ...(options.access ?? primaryAccess(globals)), dryRun, uncached }, printer)));
  const openedMs = performance.now();
  sayOpened(repository, globals, printer);
  if (globals.cleanupCache && !globals.noCache) cleanUpCache(cli, printer);
  const lock = wish === 'read' && globals.noLock ? 'none' : wish;
  const session = new Session({
    repository,
    printer,
    globals,
    signal: cli.signal,
    lock: lock === 'none' ? undefined : begin(cli, repository, lock, printer),
  });
  void session.locked.then(
    () => sayTimes(cli, printer, { keyMs, lockMs: performance.now() - openedMs }),
    () => undefined,
  );
  if (besideLock) return session;
  try {
    await session.locked;
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

function primaryAccess(globals: GlobalOptions): Access {
  const { password, keyHint } = globals;
  return { location: repositoryLocation(globals), password, keyHint };
}

/** What `--cleanup-cache` asks of any verb. */
function cleanUpCache(cli: Cli, printer: Printer): void {
  const base = cacheBase(cli.globals(), cli.environment);
  const old = unusedFolders(cacheFolders(base), 30 * dayMs);
  if (old.length === 0) return;
  printer.forPeople(`removing ${old.length} old cache dirs from ${base}`);
  removeFolders(old, (line) => printer.error(line));
}

/** What the repository itself demands, shown apart: for `-vv`, and for the benchmark. */
function sayTimes(cli: Cli, printer: Printer, { keyMs, lockMs }: { keyMs: number; lockMs: number }): void {
  printer.debug(`key derived in ${secondsOf(keyMs)}, lock held after ${secondsOf(lockMs)}`);
  if (cli.environment['COFFRE_TIMINGS'] === undefined) return;
  cli.stderr.write(`${JSON.stringify({ keyMs: Math.round(keyMs), lockMs: Math.round(lockMs) })}\n`);
}

function secondsOf(durationMs: number): string {
  return `${formatFixed(durationMs / 1000, 3)}s`;
}

function sayOpened({ config }: Repository, globals: GlobalOptions, printer: Printer): void {
  const compression = config.version >= 2 ? `, compression level ${globals.compression}` : '';
  printer.forPeople(`repository ${config.id.slice(0, 8)} opened (version ${config.version}${compression})`);
}

/** A lock for a part of a verb, whose session holds none. It ends with the work inside, not with the session. */
export function holdLock(
  cli: Cli,
  { repository, printer, globals }: Session,
  wish: 'shared' | 'exclusive',
  retryMs: number = globals.retryLockMs,
): Promise<HeldLock> {
  return begin(cli, repository, wish, printer, retryMs).held;
}

function begin(
  cli: Cli,
  repository: Repository,
  wish: Exclude<LockWish, 'none'>,
  printer: Printer,
  retryMs = cli.globals().retryLockMs,
): PendingLock {
  const globals = cli.globals();
  return startLock(repository, {
    exclusive: wish === 'exclusive',
    reading: wish === 'read',
    retryMs,
    signal: cli.signal,
    stateFolder: repositoryCache(globals, cli.environment, repository.config.id),
    report: (event) => sayLock(event, printer),
  });
}

function sayLock(event: LockEvent, printer: Printer): void {
  switch (event.kind) {
    case 'waiting':
      printer.normal(`repo already locked, waiting up to ${formatGoDuration(event.retryMs)} for the lock`);
      // Lines are gathered; this one explains why nothing more comes for a while.
      return printer.terminal.flush();
    case 'cleared':
      return printer.normal(`removed a lock that was left over: ${event.lock}`);
    default:
      return event satisfies never;
  }
}

/** A repository of the configuration while a run works on it: open, locked beside others, with its index. */
import { startLock, type IndexedRepository, type Repository } from '@coffre/repository';
import { repositoryCache } from '../access/cache-folder.ts';
import { openConfigured, type RepositorySurroundings } from '../access/configured-repository.ts';
import type { RepositoryConfig } from '../config/config.ts';
import type { LineLevel } from './run-message.ts';

export class WorkingRepository implements AsyncDisposable {
  readonly config: RepositoryConfig;
  readonly repository: Repository;
  readonly indexed: IndexedRepository;
  /** Of this machine; for journals of interrupted work. */
  readonly cacheFolder: string | undefined;
  /** Aborts when the work is stopped, and when the lock is lost. */
  readonly signal: AbortSignal;
  readonly #closing: AsyncDisposableStack;

  constructor(parts: {
    readonly config: RepositoryConfig;
    readonly repository: Repository;
    readonly indexed: IndexedRepository;
    readonly cacheFolder: string | undefined;
    readonly signal: AbortSignal;
    readonly closing: AsyncDisposableStack;
  }) {
    this.config = parts.config;
    this.repository = parts.repository;
    this.indexed = parts.indexed;
    this.cacheFolder = parts.cacheFolder;
    this.signal = parts.signal;
    this.#closing = parts.closing;
  }

  get name(): RepositoryConfig['name'] {
    return this.config.name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }
}

export type OpenWish = {
  readonly lock: 'shared' | 'exclusive';
  /** How long to wait for others who hold a lock. */
  readonly waitMs: number;
  readonly uncached?: boolean;
  readonly signal: AbortSignal;
  readonly say: (level: LineLevel, text: string) => void;
};

/** @throws {CoffreError} SECRET_UNAVAILABLE, REPO_NOT_FOUND, REPO_PASSWORD_WRONG, REPO_LOCKED; storage errors */
export async function openForWork(
  config: RepositoryConfig,
  around: RepositorySurroundings,
  wish: OpenWish,
): Promise<WorkingRepository> {
  await using opening = new AsyncDisposableStack();
  const repository = opening.use(await openConfigured(config, around, { uncached: wish.uncached === true }));
  const cacheFolder = repositoryCache(around.cache, around.environment, repository.config.id);
  const pending = opening.use(
    startLock(repository, {
      exclusive: wish.lock === 'exclusive',
      retryMs: wish.waitMs,
      signal: wish.signal,
      stateFolder: cacheFolder,
      report: (event) => {
        if (event.kind === 'waiting') wish.say('warning', `${config.name} is locked, waiting for it`);
        else wish.say('info', `${config.name}: removed a lock that was left over: ${event.lock}`);
      },
    }),
  );
  const lock = await pending.held;
  const signal = AbortSignal.any([wish.signal, lock.signal]);
  const indexed = await repository.loadIndex();
  return new WorkingRepository({ config, repository, indexed, cacheFolder, signal, closing: opening.move() });
}

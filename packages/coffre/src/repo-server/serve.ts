/** `coffre serve-repo` from its options to a server that listens. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CoffreError, messageOf, nodeLocalFiles, systemClock, systemRandom } from '@coffre/repository';
import type { Clock, Random } from '@coffre/repository';
import { judgeUpload } from './file-shape.ts';
import { createRequestHandler } from './handler.ts';
import type { HandlerOptions } from './handler.ts';
import { isLoopback } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { createLogin } from './login.ts';
import type { Login } from './login.ts';
import { createMetrics } from './metrics.ts';
import { Quota } from './quota.ts';
import { RepositoryFiles } from './repository-files.ts';
import type { Served } from './served.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './server.ts';
import { surveyFolder } from './survey.ts';
import { openTlsFiles } from './tls-files.ts';

export type ServeOptions = {
  readonly path: string;
  readonly address: ListenAddress;
  readonly appendOnly: boolean;
  readonly privateRepos: boolean;
  /** Undefined: everybody may do everything. */
  readonly login: { readonly htpasswd: string | undefined } | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly maxBytes: number | undefined;
  readonly metrics: { readonly open: boolean } | undefined;
  /** A finished request. */
  readonly onServed: (served: Served) => void;
  /** Something a person should know. */
  readonly warn: (line: string) => void;
};

export type RepoServer = RunningServer & {
  /** Bytes that all repositories had at the start; undefined when nobody needed to know. */
  readonly usedBytes: number | undefined;
  /** Certificate; passwords are read again by themselves. */
  reload(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** @throws {CoffreError} USAGE, BACKEND_DENIED, SERVER_ADDRESS */
export async function serveRepositories(options: ServeOptions): Promise<RepoServer> {
  const { path, address, warn, onServed } = options;
  await expectFolder(path);
  const [clock, random] = [systemClock(), systemRandom()];
  const login = await loginOf(options, clock, random);
  warnOfPlainPasswords(options);
  await using resources = new AsyncDisposableStack();
  const tls =
    options.tls === undefined ? undefined : resources.use(await openTlsFiles({ ...options.tls, clock, say: warn }));
  const run = randomBytes(4).toString('hex');
  const surveying = survey(path, run, warn);
  // Where nobody needs the figure, the walk goes on beside the first requests, and its failure is no reason to stop.
  const surveyed = surveying.then(
    () => undefined,
    (error: unknown) => warn(messageOf(error)),
  );
  const counts = options.maxBytes !== undefined || options.metrics !== undefined;
  const usedBytes = counts ? await surveying : undefined;
  const figures = options.metrics === undefined ? undefined : await createMetrics();
  const handlerOptions: HandlerOptions = {
    storage: new RepositoryFiles(nodeLocalFiles, path),
    quota: new Quota({ limitBytes: options.maxBytes, ...(usedBytes === undefined ? {} : { usedBytes }) }),
    judge: judgeUpload,
    clock,
    random,
    run,
    appendOnly: options.appendOnly,
    privateRepos: options.privateRepos,
    login,
    metrics: figures === undefined ? undefined : { figures, open: options.metrics?.open === true },
    report: (served) => {
      figures?.count(served);
      onServed(served);
    },
  };
  const server = await startServer({
    address,
    handler: createRequestHandler(handlerOptions),
    tls,
    clock,
    warn,
  });
  const kept = resources.move();
  return {
    ...server,
    usedBytes,
    reload: async () => tls?.reload(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await surveyed;
      await kept.disposeAsync();
    },
  };
}

/** Never made here: where a disk is not mounted, its backups must not go beneath it. */
async function expectFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => Promise.reject(unusable(messageOf(error), error)));
  if (!found.isDirectory()) throw unusable('it is no folder');
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CoffreError('BACKEND_DENIED', `the folder ${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
      hint: 'Give it to the user that runs the server.',
    });
  }

  function unusable(why: string, cause?: unknown): CoffreError {
    return new CoffreError('USAGE', `the folder ${path} cannot be served: ${why}`, {
      cause,
      hint: `Mount its disk, or make it with \`mkdir ${path}\`.`,
    });
  }
}

async function loginOf({ path, login, warn }: ServeOptions, clock: Clock, random: Random): Promise<Login | undefined> {
  if (login === undefined) return undefined;
  return createLogin({
    path: login.htpasswd ?? join(path, '.htpasswd'),
    clock,
    random,
    compareBcrypt: async (password, hash) => (await import('bcryptjs')).compare(password, hash),
    warn,
  });
}

function warnOfPlainPasswords({ login, tls, address, warn }: ServeOptions): void {
  if (tls !== undefined || isLoopback(address)) return;
  warn(
    login === undefined
      ? 'anybody who reaches this address may read and write the repositories'
      : 'passwords travel readable without TLS; give --tls-cert and --tls-key, or put a proxy with TLS before it',
  );
}

/** The bytes that are there. What a killed server left is removed beside its successor's first requests. */
async function survey(path: string, run: string, warn: ServeOptions['warn']): Promise<number> {
  try {
    const { usedBytes, removedFiles } = await surveyFolder(path, { run, nowMs: Date.now() });
    if (removedFiles > 0) warn(`removed ${removedFiles} unfinished uploads that were left over`);
    return usedBytes;
  } catch (error) {
    throw new CoffreError('BACKEND_IO', `the folder ${path} could not be read through: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

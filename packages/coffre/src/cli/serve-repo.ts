import { messageOf } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { parseListenAddress } from '../repo-server/listen-address.ts';
import type { Served } from '../repo-server/served.ts';
import { serveRepositories } from '../repo-server/serve.ts';
import type { RepoServer, ServeOptions } from '../repo-server/serve.ts';
import type { Cli } from './cli.ts';
import { formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { parseSize, usage } from './values.ts';

export function defineServeRepo(command: Command, cli: Cli): void {
  command
    .requiredOption('--path <folder>', 'where the repositories are')
    .option('--listen <address>', 'HOST:PORT, :PORT for every address, or unix:/path', '127.0.0.1:8000')
    .option('--append-only', 'take files in, remove and replace nothing but locks')
    .option('--private-repos', 'everybody sees only what is below a folder of the own name')
    .option('--htpasswd <file>', 'who may log in (default: .htpasswd in the folder)')
    // The default is said, because commander looks for it before the verb has its options.
    .option('--no-auth', 'everybody who reaches the server may do everything', true)
    .option('--tls-cert <file>', 'certificate and its chain, in PEM')
    .option('--tls-key <file>', 'key of the certificate')
    .option('--max-size <size>', 'how much all repositories together may hold, such as 500G')
    .option('--metrics', 'figures for Prometheus at /metrics')
    .option('--metrics-no-auth', 'as --metrics, for everybody')
    .action(async (options) => {
      const printer = cli.printer();
      const serveOptions: ServeOptions = {
        path: options.path,
        address: parseListenAddress(options.listen),
        appendOnly: options.appendOnly === true,
        privateRepos: options.privateRepos === true,
        login: loginOf(options),
        tls: tlsOf(options),
        maxBytes: options.maxSize === undefined ? undefined : parseSize(options.maxSize, '--max-size'),
        metrics:
          options.metrics === true || options.metricsNoAuth === true
            ? { open: options.metricsNoAuth === true }
            : undefined,
        onServed: (served) => logRequest(served, printer),
        warn: (line) => printer.error(line),
      };
      await runServer(serveOptions, cli, printer);
    });
}

async function runServer(options: ServeOptions, cli: Cli, printer: Printer): Promise<void> {
  let terminated = false;
  const onTerminated = (): void => void (terminated = true);
  process.on('SIGTERM', onTerminated);
  try {
    await using server = await serveRepositories(options);
    const reload = (): void => void server.reload();
    process.on('SIGHUP', reload);
    sayListening(server, options, printer);
    await new Promise<void>((resolve) => {
      if (cli.signal.aborted) return resolve();
      cli.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    process.off('SIGHUP', reload);
  } finally {
    process.off('SIGTERM', onTerminated);
  }
  // To be asked to stop is how a service ends well; Ctrl-C is an interruption, as everywhere.
  if (!terminated) throw cli.signal.reason;
}

type LoginOptions = { readonly auth: boolean; readonly htpasswd?: string; readonly privateRepos?: true };

function loginOf({ auth, htpasswd, privateRepos }: LoginOptions): ServeOptions['login'] {
  if (auth) return { htpasswd };
  if (htpasswd !== undefined) throw usage('--htpasswd and --no-auth exclude each other');
  if (privateRepos === true)
    throw usage('--private-repos needs users', 'Leave --no-auth out, and name them with --htpasswd.');
  return undefined;
}

function tlsOf({ tlsCert, tlsKey }: { readonly tlsCert?: string; readonly tlsKey?: string }): ServeOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw usage('--tls-cert and --tls-key belong together');
  return { certFile: tlsCert, keyFile: tlsKey };
}

function sayListening(server: RepoServer, options: ServeOptions, printer: Printer): void {
  const { appendOnly, privateRepos, maxBytes, path } = options;
  if (printer.json) {
    printer.message({
      message_type: 'listening',
      url: server.origin,
      port: server.port,
      path,
      append_only: appendOnly,
      private_repos: privateRepos,
      auth: options.login !== undefined,
      tls: options.tls !== undefined,
      ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
      ...(server.usedBytes === undefined ? {} : { used_bytes: server.usedBytes }),
    });
  } else {
    const mode = appendOnly ? 'append-only' : 'files may be removed';
    const who = options.login === undefined ? 'no login' : privateRepos ? 'private repositories' : 'login needed';
    printer.normal(`serving ${path} at rest:${server.origin}/ (${mode}, ${who})`);
    if (maxBytes !== undefined)
      printer.normal(`${formatBytes(server.usedBytes ?? 0)} of ${formatBytes(maxBytes)} used`);
  }
  printer.terminal.flush();
}

/** Faults of the server always, and what was refused of a writer: nobody refused by mistake tries to delete. */
function logRequest(served: Served, printer: Printer): void {
  const { method, path, status, address, user, moved, durationMs, failure, aborted } = served;
  const isRefusedWrite = (method === 'POST' && status === 400) || (method === 'DELETE' && status === 403);
  const isTold = status >= 500 || isRefusedWrite;
  if (!isTold && printer.verbosity < 2) return;
  const size = moved === undefined ? '' : ` ${moved.sizeBytes} bytes`;
  const end = aborted ? ', broken off' : '';
  const why = isTold || printer.verbosity >= 3 ? reasonOf(failure) : '';
  printer.error(
    `${address} ${user ?? '-'} ${method} ${path} ${status}${size} ${Math.round(durationMs)} ms${end}${why}`,
  );
}

function reasonOf(failure: unknown): string {
  return failure === undefined ? '' : `: ${messageOf(failure)}`;
}

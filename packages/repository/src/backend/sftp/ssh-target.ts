import { isAbsolute, join } from 'node:path';
import { CoffreError } from '../../errors.ts';
import type { SshArguments } from './ssh-arguments.ts';
import { readTextFile, resolveSshConfig } from './ssh-config.ts';
import type { SshSettings } from './ssh-config.ts';

/** Where the user's and the machine's SSH files are. */
export type SshSurroundings = {
  readonly home: string;
  /** `/etc/ssh` */
  readonly systemFolder: string;
  readonly localUser: string;
  readonly environment: { readonly [name: string]: string | undefined };
};

export type SshLogin = { readonly host: string; readonly user?: string; readonly port?: number };

/** A server, with everything that is needed to reach it and to know it. */
export type SshTarget = {
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** Under what the server is known: mostly its host name and port. */
  readonly knownAs: { readonly host: string; readonly port: number };
  /** The first is the user's own, where new hosts are added. */
  readonly knownHostsFiles: readonly string[];
  readonly identityFiles: readonly string[];
  /** Keys of the agent that are in none of the files are not tried. */
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | undefined;
  /** Servers to go through, the nearest first. */
  readonly jumps: readonly SshLogin[];
};

const defaultKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** What ssh would connect to. The address comes first, then arguments, then the user's configuration, then the machine's. */
export function resolveSshTarget(login: SshLogin, given: SshArguments, around: SshSurroundings): SshTarget {
  const userFolder = join(around.home, '.ssh');
  const sources =
    given.configFile === undefined
      ? [
          { path: join(userFolder, 'config'), includeFolder: userFolder },
          { path: join(around.systemFolder, 'ssh_config'), includeFolder: around.systemFolder },
        ]
      : given.configFile === 'none'
        ? []
        : [{ path: given.configFile, includeFolder: userFolder }];
  const settings = resolveSshConfig({
    host: login.host,
    user: login.user,
    given: given.settings,
    sources,
    home: around.home,
    localUser: around.localUser,
    readText: readTextFile,
  });
  refuseProxyCommand(settings, login.host);

  const user = login.user ?? settings.first('User') ?? around.localUser;
  const port = login.port ?? portOf(settings.first('Port'));
  const hostName = (settings.first('HostName') ?? login.host).replaceAll('%h', login.host).replaceAll('%%', '%');
  const expand = (path: string): string =>
    expandPath(
      path,
      { h: hostName, n: login.host, p: String(port), r: user, u: around.localUser, d: around.home },
      around,
    );
  const files = (name: string): string[] | undefined =>
    settings
      .first(name)
      ?.split(/\s+/)
      .filter((path) => path !== 'none')
      .map(expand);
  const alias = settings.first('HostKeyAlias');
  const identityFiles = settings.all('IdentityFile').filter((path) => path.toLowerCase() !== 'none');
  const agent = settings.first('IdentityAgent') ?? 'SSH_AUTH_SOCK';
  return {
    hostName,
    port,
    user,
    knownAs: alias === undefined ? { host: hostName, port } : { host: alias, port: 22 },
    knownHostsFiles: [
      ...(files('UserKnownHostsFile') ?? ['known_hosts', 'known_hosts2'].map((name) => join(userFolder, name))),
      ...(files('GlobalKnownHostsFile') ??
        ['ssh_known_hosts', 'ssh_known_hosts2'].map((name) => join(around.systemFolder, name))),
    ],
    identityFiles:
      settings.all('IdentityFile').length > 0
        ? identityFiles.map(expand)
        : defaultKeys.map((name) => join(userFolder, name)),
    identitiesOnly: settings.first('IdentitiesOnly')?.toLowerCase() === 'yes',
    agentSocket: agentSocketOf(agent, around, expand),
    jumps: jumpsOf(settings.first('ProxyJump')),
  };
}

/** Like the target of a jump: its own settings, none of those that were given for the far end. */
export const noArguments: SshArguments = { settings: [] };

function agentSocketOf(agent: string, around: SshSurroundings, expand: (path: string) => string): string | undefined {
  if (agent.toLowerCase() === 'none') return undefined;
  if (agent === 'SSH_AUTH_SOCK') return around.environment['SSH_AUTH_SOCK'] || undefined;
  return agent.startsWith('$') && !agent.startsWith('${') ? around.environment[agent.slice(1)] : expand(agent);
}

function refuseProxyCommand(settings: SshSettings, host: string): void {
  const command = settings.first('ProxyCommand');
  if (command === undefined || command.toLowerCase() === 'none' || settings.first('ProxyJump') !== undefined) return;
  throw new CoffreError('HOST_UNSUPPORTED', `the SSH configuration of ${host} has a ProxyCommand, which is not run`, {
    hint: `Use ProxyJump, or let ssh itself connect: \`-o sftp.command="ssh ${host} -s sftp"\`.`,
  });
}

/** `[user@]host[:port]` or `ssh://…`, with commas between. */
function jumpsOf(text: string | undefined): SshLogin[] {
  if (text === undefined || text.toLowerCase() === 'none') return [];
  return text.split(',').map((hop) => {
    const match = /^\s*(?:ssh:\/\/)?(?:(.+)@)?(\[[^\]]+\]|[^:@]+)(?::(\d+))?\/?\s*$/.exec(hop);
    if (match === null) throw new CoffreError('USAGE', `${hop} is no host to jump through`);
    const [, user, host = '', port] = match;
    return {
      host: host.replace(/^\[(.*)\]$/, '$1'),
      ...(user === undefined ? {} : { user }),
      ...(port === undefined ? {} : { port: portOf(port) }),
    };
  });
}

function portOf(text: string | undefined): number {
  if (text === undefined) return 22;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new CoffreError('USAGE', `${text} is no port`);
  return port;
}

/** `~`, `%h` and its like, and `${NAME}`; relative paths are the program's. */
function expandPath(path: string, tokens: Readonly<Record<string, string>>, around: SshSurroundings): string {
  const whole = path
    .replace(/^~(?=\/|$)/, () => around.home)
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => around.environment[name] ?? '')
    .replaceAll(/%([%a-zA-Z])/g, (token, letter: string) => (letter === '%' ? '%' : (tokens[letter] ?? token)));
  return isAbsolute(whole) ? whole : join(whole);
}

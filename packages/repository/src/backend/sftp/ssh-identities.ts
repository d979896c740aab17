import type { BaseAgent, IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2';
import { messageOf } from '../../errors.ts';
import { readTextFile } from './ssh-config.ts';
import type { SshTarget } from './ssh-target.ts';

type Ssh2 = typeof import('ssh2');
type PublicKey = string | Buffer | ParsedKey;

export type AuthAttempt =
  | { readonly type: 'none'; readonly username: string }
  | { readonly type: 'agent'; readonly username: string; readonly agent: BaseAgent }
  | { readonly type: 'publickey'; readonly username: string; readonly key: ParsedKey };

export type Identities = {
  /** In the order in which they are tried. */
  readonly attempts: readonly AuthAttempt[];
  /** What is tried, for the message when none fits. */
  readonly tried: readonly string[];
  /** Why a key was not tried, one sentence each. */
  readonly passedOver: readonly string[];
};

type KeyFile = {
  readonly path: string;
  readonly publicKey?: Buffer;
  readonly key?: ParsedKey;
  readonly problem?: string;
};

/** Like ssh: keys of the agent first, those of the named files leading; then the files that the agent does not hold. */
export async function findIdentities(ssh2: Ssh2, target: SshTarget): Promise<Identities> {
  const files = target.identityFiles.flatMap((path) => readKeyFile(ssh2, path) ?? []);
  const passedOver: string[] = [];
  const agentKeys = await agentKeysOf(ssh2, target.agentSocket, passedOver);
  const named = (key: ParsedKey): boolean =>
    files.some(({ publicKey }) => publicKey?.equals(key.getPublicSSH()) === true);
  const fromAgent = [
    ...agentKeys.filter(named),
    ...(target.identitiesOnly ? [] : agentKeys.filter((key) => !named(key))),
  ];
  const inAgent = ({ publicKey }: KeyFile): boolean =>
    publicKey !== undefined && agentKeys.some((key) => key.getPublicSSH().equals(publicKey));
  const alone = files.filter((file) => !inAgent(file));
  for (const { problem } of alone) if (problem !== undefined) passedOver.push(problem);

  const username = target.user;
  const attempts: AuthAttempt[] = [{ type: 'none', username }];
  if (fromAgent.length > 0 && target.agentSocket !== undefined) {
    attempts.push({ type: 'agent', username, agent: onlyThese(ssh2, target.agentSocket, fromAgent) });
  }
  for (const { key } of alone) if (key !== undefined) attempts.push({ type: 'publickey', username, key });
  return {
    attempts,
    tried: [
      ...fromAgent.map((key) => `the agent's ${key.comment || key.type}`),
      ...alone.filter(({ key }) => key !== undefined).map(({ path }) => path),
    ],
    passedOver,
  };
}

async function agentKeysOf(ssh2: Ssh2, socket: string | undefined, passedOver: string[]): Promise<ParsedKey[]> {
  if (socket === undefined) return [];
  try {
    return await identitiesOf(ssh2.createAgent(socket));
  } catch (error) {
    passedOver.push(`the agent at ${socket} does not answer (${messageOf(error)})`);
    return [];
  }
}

function identitiesOf(agent: BaseAgent): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    agent.getIdentities((error, keys) => {
      if (error !== undefined && error !== null) return reject(error);
      resolve((keys ?? []) as ParsedKey[]);
    });
  });
}

/** The agent, seen through a window that shows the chosen keys in their order. */
function onlyThese(ssh2: Ssh2, socket: string, keys: readonly ParsedKey[]): BaseAgent {
  const agent = ssh2.createAgent(socket);
  return new (class extends ssh2.BaseAgent {
    override getIdentities(callback: IdentityCallback): void {
      callback(undefined, [...keys]);
    }
    override sign(
      key: PublicKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      done?: SignCallback,
    ): void {
      if (typeof options === 'function') agent.sign(key, data, options);
      else agent.sign(key, data, options, done);
    }
  })();
}

/** Undefined when there is no such file. */
function readKeyFile(ssh2: Ssh2, path: string): KeyFile | undefined {
  let text: string | undefined;
  try {
    text = readTextFile(path);
  } catch (error) {
    return { path, problem: `the key ${path} cannot be read (${messageOf(error)})` };
  }
  const beside = publicKeyOf(ssh2, `${path}.pub`);
  if (text === undefined) return beside === undefined ? undefined : { path, publicKey: beside };
  const parsed = parseKey(ssh2, text);
  const publicKey = parsed instanceof Error ? beside : parsed.getPublicSSH();
  const known = { path, ...(publicKey === undefined ? {} : { publicKey }) };
  if (!(parsed instanceof Error)) return parsed.isPrivateKey() ? { ...known, key: parsed } : known;
  return /passphrase/i.test(parsed.message)
    ? { ...known, problem: `the key ${path} has a passphrase: load it into the agent with \`ssh-add ${path}\`` }
    : { ...known, problem: `the key ${path} is of a kind that is not supported` };
}

function publicKeyOf(ssh2: Ssh2, path: string): Buffer | undefined {
  try {
    const text = readTextFile(path);
    const parsed = text === undefined ? undefined : parseKey(ssh2, text);
    return parsed === undefined || parsed instanceof Error ? undefined : parsed.getPublicSSH();
  } catch {
    return undefined;
  }
}

/** The types do not say that a file may hold several keys. */
function parseKey(ssh2: Ssh2, text: string): ParsedKey | Error {
  const parsed: ParsedKey | Error | ParsedKey[] = ssh2.utils.parseKey(text);
  if (!Array.isArray(parsed)) return parsed;
  return (parsed as ParsedKey[])[0] ?? new Error('there is no key in it');
}

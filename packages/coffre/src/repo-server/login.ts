/** Who asks: names and passwords of a password file, which is read again when it has changed. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { CoffreError, messageOf } from '@coffre/repository';
import type { Clock, Random } from '@coffre/repository';
import { parseBasicLogin, parsePasswordFile } from './password-file.ts';
import type { Credentials, PasswordFile, StoredPassword } from './password-file.ts';
import { SlowDown } from './slow-down.ts';

export type LoginResult =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'denied' }
  /** Too many wait for an answer already. */
  | { readonly kind: 'busy' };

/** @param address of the one who asks, for slowing down guesses */
export type Login = (authorization: string | undefined, address: string) => Promise<LoginResult>;

export type LoginOptions = {
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly compareBcrypt: (password: string, hash: string) => Promise<boolean>;
  readonly warn: (line: string) => void;
};

/** A check of bcrypt takes 50 ms and more; every request of a client carries the same login. */
const provedForMs = 60_000;
const provedMax = 1000;
const waitingMax = 64;

/** @throws {CoffreError} USAGE when the file cannot be read or lets nobody in */
export async function createLogin(options: LoginOptions): Promise<Login> {
  const { path, clock, warn } = options;
  const slowDown = new SlowDown(clock);
  const key = options.random.bytes(32);
  let version = await versionOf(path);
  let file = await load(path, warn);
  let complained = false;
  if (file.users.size === 0) throw refusedFile(path, 'lets nobody in');
  /** By keyed digest of name and password: memory shows neither. */
  const proved = new Map<string, number>();
  const beingProved = new Map<string, Promise<boolean>>();
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function reloadIfChanged(): Promise<void> {
    try {
      const now = await versionOf(path);
      if (now === version) return;
      const fresh = await load(path, warn);
      version = now;
      file = fresh;
      proved.clear();
      complained = false;
    } catch (error) {
      // Said once, not at every request.
      if (complained) return;
      complained = true;
      warn(`the passwords could not be read again, the old ones stay: ${messageOf(error)}`);
    }
  }

  function isProved(digest: string): boolean {
    const untilMs = proved.get(digest);
    if (untilMs === undefined || clock.monotonicMs() > untilMs) return false;
    remember(digest);
    return true;
  }

  function remember(digest: string): void {
    proved.delete(digest);
    proved.set(digest, clock.monotonicMs() + provedForMs);
    const oldest = proved.keys().next().value;
    if (proved.size > provedMax && oldest !== undefined) proved.delete(oldest);
  }

  async function prove({ user, password }: Credentials, digest: string, address: string): Promise<boolean> {
    const delayMs = slowDown.delayMs(address);
    if (delayMs > 0) await clock.sleep(delayMs);
    const { users } = file;
    const stored = users.get(user);
    // One at a time: many guesses at once do not get a processor each.
    const mine = turn.then(() => matches(stored ?? decoyOf(users), password, options.compareBcrypt));
    turn = mine.catch(() => undefined);
    const isRight = (await mine) && stored !== undefined;
    if (isRight && file.users === users) remember(digest);
    if (isRight) slowDown.succeeded(address);
    else slowDown.failed(address);
    return isRight;
  }

  return async (authorization, address) => {
    const credentials = parseBasicLogin(authorization);
    if (credentials === undefined) return { kind: 'denied' };
    await reloadIfChanged();
    const { user, password } = credentials;
    const digest = createHmac('sha256', key).update(`${user}:${password}`).digest('base64');
    if (isProved(digest)) return { kind: 'user', name: user };
    let proof = beingProved.get(`${address} ${digest}`);
    if (proof === undefined) {
      if (waiting >= waitingMax) return { kind: 'busy' };
      waiting += 1;
      proof = prove(credentials, digest, address).finally(() => {
        waiting -= 1;
        beingProved.delete(`${address} ${digest}`);
      });
      beingProved.set(`${address} ${digest}`, proof);
    }
    return (await proof) ? { kind: 'user', name: user } : { kind: 'denied' };
  };
}

/** An unknown name takes as long as a known one. */
function decoyOf(users: PasswordFile['users']): StoredPassword | undefined {
  return users.values().next().value;
}

async function matches(
  stored: StoredPassword | undefined,
  password: string,
  compareBcrypt: LoginOptions['compareBcrypt'],
): Promise<boolean> {
  if (stored === undefined) return false;
  if (stored.kind === 'bcrypt') return compareBcrypt(password, stored.hash);
  return timingSafeEqual(createHash('sha1').update(password).digest(), stored.digest);
}

async function load(path: string, warn: (line: string) => void): Promise<PasswordFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw refusedFile(path, `cannot be read: ${messageOf(error)}`, error);
  }
  const file = parsePasswordFile(text);
  for (const sentence of file.ignored) warn(`${path}, ${sentence}; it is ignored`);
  return file;
}

async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    throw refusedFile(path, `cannot be read: ${messageOf(error)}`, error);
  }
}

function refusedFile(path: string, what: string, cause?: unknown): CoffreError {
  return new CoffreError('USAGE', `the password file ${path} ${what}`, {
    cause,
    hint: `Make it with \`htpasswd -B -c ${path} USER\`, name another with --htpasswd, or let everybody in with --no-auth.`,
  });
}

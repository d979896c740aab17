import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError, systemRandom } from '@coffre/repository';
import { createFakeClock } from '@coffre/repository/testing';
import type { FakeClock } from '@coffre/repository/testing';
import { hash } from 'bcryptjs';
import { createLogin } from './login.ts';
import type { Login } from './login.ts';
import { parsePasswordFile } from './password-file.ts';

const sha = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`;
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const bcryptText = `$2y$10$${'a'.repeat(53)}`;

type Yard = {
  login: Login;
  path: string;
  clock: FakeClock;
  /** Passwords that were compared the slow way. */
  compared: string[];
  warnings: string[];
  [Symbol.asyncDispose](): Promise<void>;
};

/** @param gate comparing waits for it */
async function yard(text: string, gate: Promise<void> = Promise.resolve()): Promise<Yard> {
  const folder = await mkdtemp(join(tmpdir(), 'coffre-login-'));
  const path = join(folder, '.htpasswd');
  await writeFile(path, text);
  const clock = createFakeClock({ sleepless: true });
  const [compared, warnings]: [string[], string[]] = [[], []];
  const compareBcrypt = async (password: string): Promise<boolean> => {
    compared.push(password);
    await gate;
    return password === 'right';
  };
  const warn = (line: string): void => void warnings.push(line);
  const remove = (): Promise<void> => rm(folder, { recursive: true });
  try {
    const login = await createLogin({ path, clock, random: systemRandom(), compareBcrypt, warn });
    return { login, path, clock, compared, warnings, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

test('the real bcrypt and SHA passwords let in who knows them', async () => {
  const { compare } = await import('bcryptjs');
  const stored = (await hash('pass:word', 4)).replace('$2b$', '$2y$');
  assert.ok(await compare('pass:word', stored));
  await using it = await yard(`# staff\nme:${sha('päss:word')}\n\nother:${bcryptText}\n`);
  assert.deepEqual(await it.login(basic('me', 'päss:word'), 'a'), { kind: 'user', name: 'me' });
  assert.deepEqual(await it.login(basic('other', 'right'), 'a'), { kind: 'user', name: 'other' });
  for (const header of [
    undefined,
    '',
    'Bearer x',
    'Basic',
    'Basic !!!!',
    `Basic ${Buffer.from('me').toString('base64')}`,
    basic('me', 'wrong'),
    basic('me', ''),
    basic('nobody', 'right'),
    basic('', 'right'),
    basic('__proto__', 'right'),
  ]) {
    assert.deepEqual(await it.login(header, 'b'), { kind: 'denied' }, String(header));
  }
});

test('a proved login is not compared again for a minute, and many at once are one', async () => {
  await using it = await yard(`me:${bcryptText}`);
  const answers = await Promise.all(Array.from({ length: 100 }, () => it.login(basic('me', 'right'), 'a')));
  assert.ok(answers.every(({ kind }) => kind === 'user'));
  assert.equal(it.compared.length, 1);
  await it.clock.sleep(59_000);
  await it.login(basic('me', 'right'), 'a');
  assert.equal(it.compared.length, 1);
  await it.clock.sleep(61_000);
  await it.login(basic('me', 'right'), 'a');
  assert.equal(it.compared.length, 2);
});

test('an unknown name costs what a known one costs', async () => {
  await using it = await yard(`me:${bcryptText}`);
  await it.login(basic('stranger', 'right'), 'a');
  assert.deepEqual(it.compared, ['right']);
});

test('who guesses waits longer each time, and others do not', async () => {
  await using it = await yard(`me:${bcryptText}`);
  for (let guess = 0; guess < 12; guess += 1) await it.login(basic('me', `guess ${guess}`), 'evil');
  const before = it.clock.monotonicMs();
  await it.login(basic('me', 'guess'), 'evil');
  assert.equal(it.clock.monotonicMs() - before, 10_000);
  const honest = it.clock.monotonicMs();
  assert.equal((await it.login(basic('me', 'right'), 'home')).kind, 'user');
  assert.equal(it.clock.monotonicMs() - honest, 0);
});

test('too many guesses at once are turned away instead of queued', async () => {
  const gate = Promise.withResolvers<void>();
  await using it = await yard(`me:${bcryptText}`, gate.promise);
  let turnedAway = 0;
  const guesses = Array.from({ length: 200 }, async (_, i) => {
    const { kind } = await it.login(basic('me', `guess ${i}`), `${i}`);
    if (kind === 'busy') turnedAway += 1;
    if (turnedAway === 200 - 64) gate.resolve();
  });
  await Promise.all(guesses);
  assert.equal(turnedAway, 200 - 64);
  assert.equal((await it.login(basic('me', 'right'), 'home')).kind, 'user');
});

test('a changed file counts from the next request on, and a lost one leaves what was', async () => {
  await using it = await yard(`me:${sha('one')}\nleaver:${sha('x')}`);
  assert.equal((await it.login(basic('leaver', 'x'), 'a')).kind, 'user');
  await writeFile(it.path, `me:${sha('two, longer')}\n`);
  assert.equal((await it.login(basic('leaver', 'x'), 'a')).kind, 'denied');
  assert.equal((await it.login(basic('me', 'one'), 'a')).kind, 'denied');
  assert.equal((await it.login(basic('me', 'two, longer'), 'a')).kind, 'user');
  await rm(it.path);
  for (let times = 0; times < 3; times += 1) {
    assert.equal((await it.login(basic('me', 'two, longer'), 'a')).kind, 'user');
  }
  assert.equal(it.warnings.filter((line) => line.includes('old ones stay')).length, 1);
  await writeFile(it.path, `me:${sha('three')}\n`);
  assert.equal((await it.login(basic('me', 'three'), 'a')).kind, 'user');
});

test('a file that is missing or lets nobody in is said at the start', async () => {
  for (const text of ['', '# nobody\n', 'me:plain\n', 'me:$apr1$x$y\n', 'a/b:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n']) {
    await assert.rejects(yard(text), (error) => isCoffreError(error, 'USAGE') && /nobody in/.test(error.message));
  }
  const path = '/nonexistent/.htpasswd';
  const options = { path, clock: createFakeClock({ sleepless: true }), random: systemRandom(), warn: () => undefined };
  const missing = createLogin({ ...options, compareBcrypt: async () => false });
  await assert.rejects(missing, (error) => isCoffreError(error, 'USAGE') && /--no-auth/.test(error.hint ?? ''));
});

test('lines that cannot be used are named without their secrets', () => {
  const { users, ignored } = parsePasswordFile(`ok:${sha('x')}\nold:$apr1$secret$secret\n../x:${sha('y')}\nodd\n`);
  assert.deepEqual([...users.keys()], ['ok']);
  assert.equal(ignored.length, 3);
  assert.ok(!ignored.join().includes('secret'));
});

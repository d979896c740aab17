import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerAddress } from '../config/config.ts';
import { redisAddress } from './redis-spec.ts';

const nothing: ServerAddress = {
  url: undefined,
  service: undefined,
  socket: undefined,
  host: undefined,
  port: undefined,
  databases: [],
  excludeDatabases: [],
  user: undefined,
  password: undefined,
  tls: undefined,
  caFile: undefined,
};
const literal = (template: string): NonNullable<ServerAddress['url']> => ({ template, secretNames: [] });
const parts = {
  secrets: new Map(),
  doors: { environment: {}, readFile: async () => Buffer.alloc(0), output: async () => Buffer.alloc(0) },
};
const addressOf = async (connect: Partial<ServerAddress>) => await redisAddress({ ...nothing, ...connect }, parts);

test('without a word it is the usual port of this machine; what is said beside a URL counts more', async () => {
  const usual = { kind: 'host', host: '127.0.0.1', port: 6379 };
  assert.deepEqual((await addressOf({})).place, usual);
  const url = literal('rediss://ann:p%40ss@[::1]:7000');
  assert.deepEqual(await addressOf({ url }), {
    place: { kind: 'host', host: '::1', port: 7000 },
    user: 'ann',
    password: 'p@ss',
    tls: { verifies: true, caFile: undefined },
  });
  const said = await addressOf({ url, host: 'db', password: literal('other'), tls: 'off' });
  assert.deepEqual(said.place, { kind: 'host', host: 'db', port: 7000 });
  assert.equal(said.password, 'other');
  assert.equal(said.tls, undefined);
  const socket = { kind: 'socket', path: '/run/redis.sock' };
  assert.deepEqual((await addressOf({ url: literal('unix:///run/redis.sock') })).place, socket);
  assert.deepEqual((await addressOf({ socket: '/run/redis.sock', url })).place, socket);
});

test('what Redis does not have is refused, and a password is in no message', async () => {
  await assert.rejects(addressOf({ databases: ['3'] }), /saved together/);
  await assert.rejects(addressOf({ tls: 'prefer' }), /cannot be/);
  await assert.rejects(addressOf({ url: literal('redis//:secret@x') }), (error) => !String(error).includes('secret'));
});

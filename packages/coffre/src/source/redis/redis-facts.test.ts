import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeFacts, parseFacts, type RedisMethod } from './redis-facts.ts';

const usual: Readonly<Record<string, string>> = {
  redis_version: '7.0.15',
  redis_mode: 'standalone',
  role: 'master',
  loading: '0',
  rdb_last_bgsave_status: 'ok',
  aof_enabled: '1',
  aof_rewrite_in_progress: '0',
  aof_last_write_status: 'ok',
  aof_last_bgrewrite_status: 'ok',
  aof_current_size: '120',
  aof_buffer_length: '7',
  number_of_libraries: '2',
  used_memory: '1000000',
  used_memory_rss: '2000000',
  total_system_memory: '8000000000',
  db0: 'keys=5,expires=2,avg_ttl=0',
  db15: 'keys=1,expires=0,avg_ttl=0,subexpiry=0',
};
const infoOf = (changed: Readonly<Record<string, string>>): string =>
  `# Server\r\n${Object.entries({ ...usual, ...changed })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}\r\n# Keyspace\r\n`;
const judged = (changed: Readonly<Record<string, string>>, method: RedisMethod = 'rdb'): string[] =>
  judgeFacts(parseFacts(infoOf(changed)), method);

test('what a server says is read with its keys by database and the byte where its AOF stands', () => {
  const facts = parseFacts(infoOf({}));
  assert.deepEqual(facts.databases, { '0': { keys: 5, expires: 2 }, '15': { keys: 1, expires: 0 } });
  assert.equal(facts.aof.sizeBytes + facts.aof.waitingBytes, 127);
  assert.equal(facts.libraries, 2);
  assert.throws(() => parseFacts('# Server\r\n'), /which version it is/);
});

test('Valkey names a Redis that it is like, and is not taken for it', () => {
  const facts = parseFacts(infoOf({ redis_version: '7.2.4', server_name: 'valkey', valkey_version: '9.1.2' }));
  assert.deepEqual([facts.engine, facts.version, facts.mode], ['valkey', '9.1.2', 'standalone']);
  assert.deepEqual(judgeFacts({ ...facts, version: '6.0' }, 'aof'), []);
});

test('a hash whose fields expire may go as a key that expires may', () => {
  const db0 = 'keys=9,expires=2,avg_ttl=0,subexpiry=3';
  const db1 = 'keys=4,expires=3,avg_ttl=0,keys_with_volatile_items=3';
  const { databases } = parseFacts(infoOf({ db0, db1 }));
  assert.deepEqual(
    [databases['0'], databases['1']],
    [
      { keys: 9, expires: 5 },
      { keys: 4, expires: 4 },
    ],
  );
});

test('what a person should know is said, and the backup goes on', () => {
  for (const method of ['rdb', 'aof', 'both'] as const) assert.deepEqual(judged({}, method), []);
  assert.match(judged({ role: 'slave', master_link_status: 'up' }).join(), /it is a replica/);
  assert.match(judged({ rdb_last_bgsave_status: 'err' }).join(), /last save failed/);
  assert.match(judged({ aof_last_write_status: 'err' }).join(), /cannot write its AOF/);
  const large = { used_memory_rss: String(5 * 2 ** 30), total_system_memory: String(8 * 2 ** 30) };
  assert.match(judged(large).join(), /uses 5\.0 GiB of 8\.0 GiB/);
  // An AOF is read, not forked.
  assert.deepEqual(judged(large, 'aof'), []);
});

test('a server whose data is not whole, not its own or old is refused', () => {
  assert.throws(() => judged({ loading: '1' }), /still loading/);
  for (const mode of ['cluster', 'sentinel'])
    assert.throws(() => judged({ redis_mode: mode }), /mode holds only a part/);
  const valkey = Object.fromEntries(
    Object.entries({ ...usual, valkey_version: '9.1.2' }).filter(([name]) => name !== 'redis_mode'),
  );
  for (const part of [{ server_mode: 'sentinel' }, { server_mode: 'cluster' }, { cluster_enabled: '1' }]) {
    const said = Object.entries({ ...valkey, ...part }).map(([name, value]) => `${name}:${value}\r\n`);
    assert.throws(() => judgeFacts(parseFacts(said.join('')), 'rdb'), /mode holds only a part/);
  }
  assert.throws(() => judged({ role: 'slave', master_link_status: 'down' }), /lost its primary/);
  assert.throws(() => judged({ aof_enabled: '0' }, 'aof'), /writes no AOF/);
  assert.throws(() => judged({ aof_last_write_status: 'err' }, 'both'), /so the files are old/);
  assert.throws(() => judged({ redis_version: '6.2.14' }, 'aof'), /is one file/);
  assert.deepEqual(judged({ redis_version: '6.2.14' }), []);
});

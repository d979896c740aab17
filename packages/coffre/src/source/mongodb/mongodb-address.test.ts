import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { connectionOf, type MongodbAddress } from './mongodb-address.ts';

const uriOf = (address: MongodbAddress): string => connectionOf(address).uri;

test('single parts become an address, whatever is in user and password', () => {
  assert.equal(uriOf({}), 'mongodb://localhost:27017/');
  assert.equal(uriOf({ host: '::1', port: 1 }), 'mongodb://[::1]:1/');
  assert.equal(
    uriOf({ host: 'db', user: 'a@b', password: 'p:/?#[]@ "\\' }),
    'mongodb://a%40b:p%3A%2F%3F%23%5B%5D%40%20%22%5C@db:27017/',
  );
});

test('an address keeps its hosts and options; its database is where the login is kept', () => {
  assert.equal(
    uriOf({ url: 'mongodb://a:b@one:1,two:2/shop?replicaSet=rs0' }),
    'mongodb://a:b@one:1,two:2/?replicaSet=rs0&authSource=shop',
  );
  assert.equal(uriOf({ url: 'mongodb+srv://x.example.net/shop' }), 'mongodb+srv://x.example.net/');
  assert.equal(uriOf({ url: 'mongodb://h/shop?authSource=admin', user: 'u' }), 'mongodb://u@h/?authSource=admin');
  assert.equal(connectionOf({ url: 'mongodb://h/a%20b' }).database, 'a b');
});

test('one member of a replica set is reached by its own name, with the same login', () => {
  const several = connectionOf({
    url: 'mongodb://one:1,two:2/?replicaSet=rs0&readPreference=secondary',
    user: 'u',
    password: 'p',
  });
  assert.equal(several.namesOneServer, false);
  const direct = several.directly('two:2');
  assert.equal(direct.uri, 'mongodb://u:p@two:2/?directConnection=true');
  assert.deepEqual([direct.tools.uri, direct.namesOneServer], [direct.uri, true]);
  const one = connectionOf({ host: 'h', caFile: '/ca' });
  assert.equal(one.namesOneServer, true);
  assert.equal(one.directly().uri, 'mongodb://h:27017/?tls=true&tlsCAFile=%2Fca&directConnection=true');
  const service = connectionOf({ url: 'mongodb+srv://x.example.net/' });
  assert.deepEqual([service.namesOneServer, service.directly('a:1').uri], [false, service.uri]);
});

test('what people are shown has no login', () => {
  const { shown } = connectionOf({ url: 'mongodb://a:secret@one,two/?tls=true', user: 'u', password: 'p' });
  assert.equal(shown, 'mongodb://one,two');
});

test('TLS is asked for in the words of the driver', () => {
  assert.match(uriOf({ tls: 'verify', caFile: '/etc/ca.pem' }), /\?tls=true&tlsCAFile=%2Fetc%2Fca.pem$/);
  assert.match(uriOf({ tls: 'require' }), /tls=true&tlsInsecure=true$/);
  assert.match(uriOf({ tls: 'off' }), /tls=false$/);
  assert.equal(uriOf({ url: 'mongodb://h/?tls=false', tls: 'verify' }), 'mongodb://h/?tls=false');
  assert.throws(
    () => uriOf({ tls: 'prefer' }),
    (error) => isCoffreError(error, 'USAGE'),
  );
});

test('the tools get the socket by its folder, and no waiting time that they would take for seconds', () => {
  const { uri, tools, shown } = connectionOf({ socket: '/run/Mongo DB/mongodb-27017.sock' });
  assert.equal(uri, 'mongodb://%2Frun%2FMongo%20DB%2Fmongodb-27017.sock/');
  assert.deepEqual(tools, { uri: 'mongodb://mongodb-27017.sock/', workingFolder: '/run/Mongo DB' });
  assert.equal(shown, '/run/Mongo DB/mongodb-27017.sock');
  const waiting = connectionOf({ url: 'mongodb://h/?serverSelectionTimeoutMS=500&appName=x' });
  assert.match(waiting.uri, /TimeoutMS=500/);
  assert.equal(waiting.tools.uri, 'mongodb://h/?appName=x');
});

test('what is no address is refused without being repeated, for it may hold a password', () => {
  for (const url of ['mongodb://', 'mongodb:///x', 'http://u:secret@h/', 'mongodb://u:secret@/', 'mongodb://h/%zz']) {
    assert.throws(
      () => connectionOf({ url }),
      (error) => isCoffreError(error, 'USAGE') && !error.message.includes('secret'),
    );
  }
});

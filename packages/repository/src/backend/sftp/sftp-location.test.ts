import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { parseSftpLocation } from './sftp-location.ts';

type Expected = { user?: string; host: string; port?: number; path: string };

const addresses: Record<string, Expected> = {
  'user@host:/srv/repo': { user: 'user', host: 'host', path: '/srv/repo' },
  'host:relative/repo': { host: 'host', path: 'relative/repo' },
  'host:': { host: 'host', path: '.' },
  'host:/srv/with:colon@at': { host: 'host', path: '/srv/with:colon@at' },
  'me@company@host:/srv': { user: 'me@company', host: 'host', path: '/srv' },
  'user@[::1]:/srv': { user: 'user', host: '::1', path: '/srv' },
  '[fe80::1%eth0]:repo': { host: 'fe80::1%eth0', path: 'repo' },
  'host:/srv//x/../repo/': { host: 'host', path: '/srv/repo' },
  'host:/': { host: 'host', path: '/' },
  '//user@host:2222//srv/repo': { user: 'user', host: 'host', port: 2222, path: '/srv/repo' },
  '//user@host/relative': { user: 'user', host: 'host', path: 'relative' },
  '//host//srv/a%20b%3F': { host: 'host', path: '/srv/a b?' },
  '//me@company@host//srv': { user: 'me@company', host: 'host', path: '/srv' },
  '//user@[::1]:2222//srv': { user: 'user', host: '::1', port: 2222, path: '/srv' },
  '//host/': { host: 'host', path: '.' },
};

for (const [address, expected] of Object.entries(addresses)) {
  test(`sftp:${address} is understood`, () => {
    assert.deepEqual(parseSftpLocation(address), { kind: 'sftp', address, ...expected });
  });
}

const refused = [
  '',
  'host',
  ':/srv',
  'user@:/srv',
  '-oProxyCommand=evil:/srv',
  '//-oProxyCommand=evil/srv',
  'host:~/repo',
  'host:/srv\0x',
  'ho st:/srv',
  '//host',
  '//host:0//srv',
  '//host:99999//srv',
  '//host:port//srv',
  '//host//srv?x',
  '//host//srv%',
  '//user:canary@host//srv',
];

for (const address of refused) {
  test(`sftp:${JSON.stringify(address)} is refused with a hint, and without a password`, () => {
    assert.throws(
      () => parseSftpLocation(address),
      (error) => {
        assert.ok(error instanceof CoffreError && isCoffreError(error, 'BACKEND_URL'), String(error));
        assert.ok(error.hint !== undefined);
        assert.ok(!`${error.message} ${error.hint}`.includes('canary'));
        return true;
      },
    );
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { parseRestLocation } from './rest-location.ts';
import type { RestLocation } from './rest-location.ts';

const understood: Readonly<Record<string, Omit<RestLocation, 'kind' | 'address'>>> = {
  'http://host': { secure: false, server: { host: 'host', port: 80 }, basePath: '/' },
  'http://host:8000/me/repo': { secure: false, server: { host: 'host', port: 8000 }, basePath: '/me/repo/' },
  'https://host/a%20b/': { secure: true, server: { host: 'host', port: 443 }, basePath: '/a%20b/' },
  'https://[::1]:8443/': { secure: true, server: { host: '::1', port: 8443 }, basePath: '/' },
  'HTTP://Host/': { secure: false, server: { host: 'host', port: 80 }, basePath: '/' },
  'http+unix:///run/rest.sock:/repo/': {
    secure: false,
    server: { socketPath: '/run/rest.sock' },
    basePath: '/repo/',
  },
  'http+unix:///run/rest.sock': { secure: false, server: { socketPath: '/run/rest.sock' }, basePath: '/' },
  'https+unix:///a%20b.sock:/me/repo': { secure: true, server: { socketPath: '/a b.sock' }, basePath: '/me/repo/' },
  'http://me:can%2Fary%40%25@host/': {
    secure: false,
    server: { host: 'host', port: 80 },
    basePath: '/',
    login: { username: 'me', password: 'can/ary@%' },
  },
  'http://me@host/': {
    secure: false,
    server: { host: 'host', port: 80 },
    basePath: '/',
    login: { username: 'me', password: '' },
  },
};

for (const [address, expected] of Object.entries(understood)) {
  test(`rest:${address} is understood as restic understands it`, () => {
    assert.deepEqual(parseRestLocation(address), { kind: 'rest', address, ...expected });
  });
}

const refused = [
  '',
  'host/repo',
  'ftp://me:canary@host/',
  'https://me:can/ary-canary@host/',
  'https://me:canary@host:port/',
  'https://me:%zzcanary@host/',
  'https://host/?canary',
  'https://host/#canary',
  'http+unix://host/socket:/',
  'http+unix:///',
  'http+unix://',
];

for (const address of refused) {
  test(`rest:${address} is refused with a hint, and not repeated`, () => {
    assert.throws(
      () => parseRestLocation(address),
      (error) => {
        assert.ok(error instanceof CoffreError && isCoffreError(error, 'BACKEND_URL'));
        assert.ok(error.hint !== undefined && !`${error.message} ${error.hint}`.includes('canary'));
        return true;
      },
    );
  });
}

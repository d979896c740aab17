import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoffreError, isCoffreError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { describeLocation, parseLocation } from './location.ts';

const paths: Record<string, string> = {
  '/srv/backup': '/srv/backup',
  'relative/folder': 'relative/folder',
  repo: 'repo',
  './with:colon': './with:colon',
  '/srv/with:colon': '/srv/with:colon',
  'folder/s3:x': 'folder/s3:x',
  'C:\\backup': 'C:\\backup',
  'c:/backup': 'c:/backup',
  'local:/srv/backup': '/srv/backup',
  'local:odd:name': 'odd:name',
  'local:rest:https://x': 'rest:https://x',
  'with space/é': 'with space/é',
};

for (const [text, path] of Object.entries(paths)) {
  test(`${text} is the folder ${path}`, () => assert.deepEqual(parseLocation(text), { kind: 'local', path }));
}

const refused: Record<string, ErrorCode> = {
  '': 'BACKEND_URL',
  'local:': 'BACKEND_URL',
  'a\0b': 'BACKEND_URL',
  'ftp://user:canary@host/': 'BACKEND_URL',
  'https://user:canary@host/': 'BACKEND_URL',
  'odd:canary': 'BACKEND_URL',
  'azure:canary:/': 'NOT_BUILT_YET',
  'gs:canary:/': 'NOT_BUILT_YET',
  'b2:canary:x': 'NOT_BUILT_YET',
  'swift:canary:/': 'NOT_BUILT_YET',
};

for (const [text, code] of Object.entries(refused)) {
  test(`${JSON.stringify(text)} is ${code}, with a hint and without the secret`, () => {
    assert.throws(
      () => parseLocation(text),
      (error) => {
        assert.ok(error instanceof CoffreError && isCoffreError(error, code));
        assert.ok(error.hint !== undefined);
        assert.ok(!`${error.message} ${error.hint}`.includes('canary'));
        return true;
      },
    );
  });
}

const described: Record<string, string> = {
  '/srv/p@th:x': '/srv/p@th:x',
  'rest:https://host:8000/me/': 'rest:https://host:8000/me/',
  'rest:https://me:canary@host:8000/me/': 'rest:https://me:***@host:8000/me/',
  'rest:https://me:can/ary@host/': 'rest:https://me:***@host/',
  'rest:https://me:can@ary@host/': 'rest:https://me:***@host/',
  'rest:https://:canary@host/': 'rest:https://:***@host/',
  'sftp://me@host:22//srv': 'sftp://me@host:22//srv',
  'sftp:me@host:/srv': 'sftp:me@host:/srv',
  's3:https://host/bucket?sig=canary': 's3:https://host/bucket?***',
};

for (const [text, shown] of Object.entries(described)) {
  test(`${text} is shown as ${shown}`, () => assert.equal(describeLocation(text), shown));
}

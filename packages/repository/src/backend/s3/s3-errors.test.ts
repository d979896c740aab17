import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { loadS3Sdk } from './s3-client.ts';
import { s3Error } from './s3-errors.ts';
import { parseS3Location } from './s3-location.ts';

const location = parseS3Location('https://s3.example.com/vault/daily');

type Case = { thrown: object; code: ErrorCode; retryable?: boolean; says: RegExp };

function answered(code: string, status: number, more: object = {}): object {
  return Object.assign(new Error('said'), { name: code, $metadata: { httpStatusCode: status }, ...more });
}

function broken(code: string): object {
  return Object.assign(new Error(code), { code });
}

const cases: Record<string, Case> = {
  'a missing file': { thrown: answered('NoSuchKey', 404), code: 'BACKEND_NOT_FOUND', says: /not in the bucket/ },
  'a missing bucket': { thrown: answered('NoSuchBucket', 404), code: 'BACKEND_NOT_FOUND', says: /no bucket vault/ },
  'a 404 for another reason': { thrown: answered('NoSuchUser', 404), code: 'BACKEND_IO', says: /404 NoSuchUser/ },
  'a wrong secret': { thrown: answered('SignatureDoesNotMatch', 403), code: 'BACKEND_DENIED', says: /secret/ },
  'an expired token': { thrown: answered('ExpiredToken', 400), code: 'BACKEND_DENIED', says: /expired/ },
  'clocks apart': { thrown: answered('RequestTimeTooSkewed', 403), code: 'BACKEND_DENIED', says: /clocks/ },
  'no right': { thrown: answered('AccessDenied', 403), code: 'BACKEND_DENIED', says: /refuses this/ },
  'another region': {
    thrown: answered('PermanentRedirect', 301, { Region: 'eu-west-1' }),
    code: 'BACKEND_DENIED',
    says: /in the region eu-west-1/,
  },
  'a full quota': { thrown: answered('QuotaExceeded', 403), code: 'BACKEND_FULL', says: /full/ },
  'a full disk': { thrown: answered('Unknown', 507), code: 'BACKEND_FULL', says: /full/ },
  'a server that asks to slow down': {
    thrown: answered('SlowDown', 503),
    code: 'BACKEND_IO',
    retryable: true,
    says: /503 SlowDown/,
  },
  'a broken server': { thrown: answered('Unknown', 500), code: 'BACKEND_IO', retryable: true, says: /500/ },
  'what the server cannot': { thrown: answered('NotImplemented', 501), code: 'BACKEND_IO', says: /501/ },
  'a broken connection': { thrown: broken('ECONNRESET'), code: 'BACKEND_IO', retryable: true, says: /broke/ },
  'a refusal that breaks off': {
    thrown: Object.assign(answered('Unknown', 404), { code: 'ECONNRESET' }),
    code: 'BACKEND_IO',
    retryable: true,
    says: /broke/,
  },
  'a name that is not found': { thrown: broken('ENOTFOUND'), code: 'BACKEND_IO', retryable: true, says: /reached/ },
  'an unknown certificate': {
    thrown: broken('DEPTH_ZERO_SELF_SIGNED_CERT'),
    code: 'BACKEND_DENIED',
    says: /not trusted/,
  },
};

for (const [what, { thrown, code, retryable = false, says }] of Object.entries(cases)) {
  test(`${what} is ${code}${retryable ? ', to be tried again' : ''}`, () => {
    const error = s3Error(thrown, 'saving it', location);
    assert.ok(isCoffreError(error, code), String(error));
    assert.equal(error.retryable, retryable);
    assert.match(error.message, says);
    assert.ok(error.hint !== undefined || code === 'BACKEND_NOT_FOUND');
    assert.equal(error.cause, thrown);
  });
}

test('a server that says when to come back is believed', () => {
  const headers = { 'retry-after': '7' };
  const error = s3Error(answered('SlowDown', 503, { $response: { headers } }), 'saving it', location);
  assert.ok(isCoffreError(error) && error.retryAfterMs === 7000);
});

test('a missing SDK is named with the way to get it', async () => {
  const missing = loadS3Sdk(() => Promise.reject(new Error('Cannot find package')));
  await assert.rejects(missing, (error) => {
    assert.ok(isCoffreError(error, 'HOST_UNSUPPORTED'));
    assert.match(error.hint ?? '', /npm install @aws-sdk\/client-s3/);
    return true;
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { removeValue, setValue } from './edit.ts';

const example = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');

/** Lines that differ, as `-old` and `+new`. */
function difference(before: string, after: string): string[] {
  const [was, is] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < was.length && was[start] === is[start]) start += 1;
  let end = 0;
  while (end < Math.min(was.length, is.length) - start && was.at(-1 - end) === is.at(-1 - end)) end += 1;
  return [
    ...was.slice(start, was.length - end).map((line) => `-${line}`),
    ...is.slice(start, is.length - end).map((line) => `+${line}`),
  ];
}

test('a changed value touches its line only, and the comment on it stays', () => {
  assert.deepEqual(difference(example, setValue(example, ['defaults', 'jitter'], '15m')), [
    '-  jitter: 10m                       # sticky per plan',
    '+  jitter: 15m                       # sticky per plan',
  ]);
  assert.deepEqual(difference(example, setValue(example, ['plans', 'files-6h', 'schedule', 'every'], '12h')), [
    '-    schedule: {every: 6h}',
    '+    schedule: {every: 12h}',
  ]);
  assert.deepEqual(difference(example, setValue(example, ['alerts', 'routes', 1, 'to', 0], 'phone')), [
    '-    - {when: [missing, copy_late, capacity, size_anomaly, objective_at_risk], to: [ops], after: 15m}',
    '+    - {when: [missing, copy_late, capacity, size_anomaly, objective_at_risk], to: [phone], after: 15m}',
  ]);
});

test('a new key is one new line behind its neighbours, or stands within their braces', () => {
  assert.deepEqual(difference(example, setValue(example, ['plans', 'logs-weekly', 'enabled'], false)), [
    '+    enabled: false',
  ]);
  assert.deepEqual(difference(example, setValue(example, ['server', 'concurrency', 'total'], 8)), [
    '-server: {listen: "127.0.0.1:7373", metrics: true, audit: {syslog: "tcp+tls://siem.morel.example:6514", format: cef}}',
    '+server: {listen: "127.0.0.1:7373", metrics: true, audit: {syslog: "tcp+tls://siem.morel.example:6514", format: cef}, concurrency: {total: 8}}',
  ]);
  assert.deepEqual(difference(example, setValue(example, ['store', 'url'], 'postgres://db/coffre')), [
    '+store: {url: postgres://db/coffre}',
  ]);
});

test('what is taken out goes with its line and leaves the others', () => {
  assert.deepEqual(difference(example, removeValue(example, ['defaults', 'priority'])), ['-  priority: low']);
  assert.deepEqual(difference(example, removeValue(example, ['plans', 'files-6h', 'hooks', 1])), [
    '-      - {at: finally, run: [/srv/shop/bin/maintenance, "off"]}',
  ]);
  assert.deepEqual(difference(example, removeValue(example, ['repositories', 'offsite', 'limits', 'window'])), [
    '-    limits: {upload: 20 Mbit/s, window: "19:00-07:00"}',
    '+    limits: {upload: 20 Mbit/s}',
  ]);
});

test('texts that YAML would read otherwise are quoted', () => {
  for (const value of ['on: off', '# none', 'true', '12', '- x', 'a\nb', '${secret:x}', '"', "it's", '']) {
    const text = setValue('version: 1\ncompany: x # a name\n', ['company'], value);
    assert.equal(text.split('\n').length, 3, text);
    assert.match(text, / # a name\n$/);
  }
});

test('a change that would touch something else is refused', () => {
  const aliased = 'usual: &usual {daily: 7}\nplans: {a: {retention: *usual}}\n';
  for (const change of [
    () => setValue(aliased, ['plans', 'a', 'retention', 'daily'], 8),
    () => setValue('version: 1\nversion: 2\n', ['version'], 1),
    () => setValue('list: [a]\n', ['list', 4], 'b'),
    () => removeValue('version: 1\n', ['company']),
  ]) {
    assert.throws(change, (error) => isCoffreError(error, 'CONFIG_INVALID'));
  }
});

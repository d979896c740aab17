import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { CoffreError } from '@coffre/repository';
import type { RepositoryName, SourceName } from '../config/config.ts';
import { errorOf, verdictOf } from './run-outcome.ts';
import type { PartResult } from './run-request.ts';

function part(kind: PartResult['kind'], outcome: PartResult['outcome'], more: Partial<PartResult> = {}): PartResult {
  return {
    id: undefined,
    kind,
    outcome,
    source: kind === 'retention' ? undefined : ('lyon/shop' as SourceName),
    repository: 'local' as RepositoryName,
    reason: outcome === 'success' ? undefined : 'the disk is full',
    code: outcome === 'failed' ? 'BACKEND_FULL' : undefined,
    hint: undefined,
    snapshot: undefined,
    figures: {},
    durationMs: 1,
    ...more,
  };
}

const verdict = (parts: readonly PartResult[], failure?: Error, warnings: readonly string[] = []) =>
  verdictOf({ parts, failure, warnings });

test('a run whose parts all went well is a success', () => {
  assert.equal(verdict([part('source', 'success'), part('copy', 'success')]).outcome, 'success');
});

test('a source that failed fails the run, and the sentence says what is saved all the same', () => {
  const { outcome, reason, code } = verdict([part('source', 'success'), part('source', 'failed')]);
  assert.deepEqual([outcome, code], ['failed', 'BACKEND_FULL']);
  assert.match(reason ?? '', /lyon\/shop: the disk is full; 1 of 2 sources are saved/);
});

test('a copy or a retention that failed leaves the backup good, and the exit code says that something is missing', () => {
  for (const [kind, code] of [
    ['copy', 'COPY_BEHIND'],
    ['retention', 'RUN_INCOMPLETE'],
  ] as const) {
    const found = verdict([part('source', 'success'), part(kind, 'failed')]);
    assert.deepEqual([found.outcome, found.code], ['warning', code]);
    assert.equal(errorOf(found, 'p')?.code, code);
  }
});

test('a run that only copies fails when its copy does', () => {
  assert.equal(verdict([part('copy', 'failed')]).outcome, 'failed');
});

test('what somebody stopped is cancelled; what took too long failed', () => {
  assert.equal(verdict([], new CoffreError('INTERRUPTED', 'by a signal')).outcome, 'cancelled');
  assert.equal(verdict([], new CoffreError('RUN_OVERTIME', 'too long')).outcome, 'failed');
});

test('a plan of another host is skipped, and whoever asked for it is told', () => {
  const found = verdict([part('source', 'skipped', { reason: 'on app2' })]);
  assert.deepEqual([found.outcome, errorOf(found, 'p')?.code], ['skipped', 'SOURCE_NOT_HERE']);
});

test('a warning alone is no error', () => {
  const found = verdict([part('source', 'success')], undefined, ['a hook failed']);
  assert.deepEqual([found.outcome, errorOf(found, 'p')], ['warning', undefined]);
});

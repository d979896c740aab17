import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizeArguments } from './argv.ts';

test('spellings of restic become spellings of commander', () => {
  assert.deepEqual(normalizeArguments(['--verbose=2', 'snapshots']), ['-v', '-v', 'snapshots']);
  assert.deepEqual(normalizeArguments(['ls', '--json=true', '--long=false']), ['ls', '--json']);
  assert.deepEqual(normalizeArguments(['-r=/srv/repo', 'ls']), ['-r', '/srv/repo', 'ls']);
  assert.deepEqual(normalizeArguments(['help', 'key', 'add']), ['key', 'add', '--help']);
});

test('options with values keep them, and nothing after -- is touched', () => {
  assert.deepEqual(normalizeArguments(['--host=true', '--repo=/r']), ['--host=true', '--repo=/r']);
  const command = ['backup', '--stdin-from-command', '--', 'dump', '--verbose=2', '-r=x'];
  assert.deepEqual(normalizeArguments(command), command);
});

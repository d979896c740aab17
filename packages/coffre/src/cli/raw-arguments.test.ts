import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as hold, property, uint8Array } from 'fast-check';
import { carriedBytes } from '@coffre/repository';
import { restoreArguments } from './raw-arguments.ts';

function commandLine(...args: string[]): Buffer {
  return Buffer.from(args.map((arg) => `${arg}\0`).join(''), 'latin1');
}

test('arguments in UTF-8 stay as they are, and nothing is read', () => {
  const argv = ['backup', '/srv/caf\u00e9'];
  assert.deepEqual(
    restoreArguments(argv, () => assert.fail('not needed')),
    argv,
  );
});

test('bytes that are no text come back from the command line of the process', () => {
  const argv = ['backup', '/srv/caf\ufffd', 'plain'];
  const restored = restoreArguments(argv, () =>
    commandLine('node', '--flag', 'main.ts', 'backup', '/srv/caf\xe9', 'plain'),
  );
  assert.deepEqual(
    restored.map((argument) => carriedBytes(argument)),
    ['backup', '/srv/caf\xe9', 'plain'],
  );
});

test('where the command line cannot be read, the text has to do', () => {
  assert.deepEqual(
    restoreArguments(['\ufffd'], () => undefined),
    ['\ufffd'],
  );
});

test('whatever the bytes are, they arrive', () => {
  hold(
    property(uint8Array({ minLength: 1 }), (bytes) => {
      const name = Buffer.from(bytes.filter((byte) => byte !== 0)).toString('latin1');
      const text = Buffer.from(name, 'latin1').toString('utf8');
      const [argument = ''] = restoreArguments([text], () => commandLine('node', name));
      assert.equal(carriedBytes(argument), name);
    }),
  );
});

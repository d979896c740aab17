import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { checkDumpArguments, findTool } from './mongodb-tools.ts';

test('arguments that would change the archive or show a secret are refused', () => {
  checkDumpArguments(['--quiet', '--excludeCollection=log', '--forceTableScan']);
  const refused = [
    '--gzip',
    '--password=x',
    '-px',
    '--uri=mongodb://a',
    '--out=/x',
    '-ox',
    '--db=a',
    '-da',
    '-j4',
    '--readPreference=secondary',
    'mongodb://a:secret@c/',
  ];
  for (const word of refused) {
    assert.throws(
      () => checkDumpArguments([word]),
      (error) => isCoffreError(error, 'USAGE') && !error.message.includes('secret'),
      word,
    );
  }
});

test('who has not the tools is told where they are', () => {
  assert.throws(
    () => findTool('mongodump', { searchPath: '/nowhere' }),
    (error) => isCoffreError(error, 'SOURCE_TOOL_MISSING') && /database-tools/.test(error.hint ?? ''),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGlobals, splitStatements } from './globals.ts';

const kinds = (text: string): string[] => readGlobals(text).statements.map(({ kind, name }) => `${kind} ${name}`);

test('what pg_dumpall writes of roles and tablespaces is understood', () => {
  const text = `--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict coffre\n\nSET default_transaction_read_only = off;
SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n
CREATE ROLE "bob 's; DROP";\nALTER ROLE "bob 's; DROP" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a;b';
CREATE ROLE clerk;\nALTER ROLE clerk SET search_path TO 'a', 'b';\nCOMMENT ON ROLE clerk IS E'it\\'s; fine';
GRANT clerk TO "bob 's; DROP" WITH ADMIN OPTION, INHERIT TRUE GRANTED BY postgres;
CREATE TABLESPACE fast OWNER postgres LOCATION '/fast';\n\\unrestrict coffre\n`;
  assert.deepEqual(readGlobals(text).refused, []);
  assert.deepEqual(kinds(text), [
    "create role bob 's; DROP",
    "alter role bob 's; DROP",
    'create role clerk',
    'role setting clerk',
    'comment clerk',
    "grant role bob 's; DROP",
    'tablespace fast',
  ]);
});

test('whatever is about something else is refused, however it is wrapped', () => {
  const hostile = [
    "COPY t FROM PROGRAM 'touch /tmp/x';",
    '\\! touch /tmp/x\nDROP DATABASE shop;',
    'CREATE ROLE a SUPERUSER;',
    'CREATE ROLE a; DROP TABLE b;',
    "ALTER SYSTEM SET archive_command = 'x';",
    'ALTER DATABASE shop OWNER TO a;',
    'CREATE ROLE "a""; DROP TABLE b; --"; SELECT 1;',
    "SET x = 'a'; DO $$ BEGIN END $$;",
    'GRANT ALL ON DATABASE shop TO a;',
    '/* c */ DROP DATABASE shop;',
  ];
  for (const text of hostile) {
    const { statements, refused } = readGlobals(text);
    assert.ok(refused.length > 0, text);
    assert.ok(
      statements.every(({ sql }) => !/DROP (TABLE b|DATABASE)(?!.*")/.test(sql)),
      text,
    );
  }
});

test('statements end at semicolons outside of quotes and comments', () => {
  assert.deepEqual(splitStatements(`a 'x;y' "p;q" E'it\\'s;';--c;\nb;\n\\restrict z;\n c`), [
    `a 'x;y' "p;q" E'it\\'s;'`,
    'b',
    'c',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askingOf } from './dump-questions.ts';
import { fittingProgram, type DumpProgram } from './dump-program.ts';
import type { Family } from './release.ts';
import { fittingServer, type ServerProgram } from './scratch-program.ts';

test('a dump program is never older than a MySQL server, and as little newer as can be', () => {
  const found = [
    program('mysql', 90_704),
    program('mysql', 80_046),
    program('mysql', 50_742),
    program('mariadb', 101_119),
  ];
  assert.equal(fittingProgram(found, { family: 'mysql', number: 80_011 })?.number, 80_046);
  assert.equal(fittingProgram(found, { family: 'mysql', number: 80_409 })?.number, 90_704);
  assert.equal(fittingProgram(found, { family: 'mysql', number: 100_000 }), undefined);
  assert.equal(fittingProgram(found, { family: 'mariadb', number: 101_100 })?.number, 101_119);
  assert.equal(fittingProgram(found, { family: 'mariadb', number: 110_806 })?.number, 101_119, 'older ones do');
  assert.equal(fittingProgram([program('mariadb', 101_119)], { family: 'mysql', number: 50_742 }), undefined);
});

test('a private server is of the same series, else newer, and never of the other family', () => {
  const found = [server('mysql', '9.7.4-2'), server('mysql', '8.0.46-0ubuntu0'), server('mariadb', '10.11.19-MariaDB')];
  const path = (family: Family, version: string): string | undefined => fittingServer(found, { family, version })?.path;
  assert.equal(path('mysql', '8.0.11'), 'mysql 8.0.46-0ubuntu0');
  assert.equal(path('mysql', '5.7.42-log'), 'mysql 8.0.46-0ubuntu0');
  assert.equal(path('mysql', '8.4.3'), 'mysql 9.7.4-2');
  assert.equal(path('mysql', '10.0.0'), undefined);
  assert.equal(path('mariadb', '11.8.6-MariaDB'), 'mariadb 10.11.19-MariaDB');
});

test('rows with columns of the type FLOAT are asked for with all their digits', () => {
  const floats = new Map([['ü`t', { all: ['id', 'f`f', 'é'], floats: new Set(['f`f']) }]]);
  const ask = askingOf('shop', floats);
  const asked = (sql: string): string | undefined => {
    const other = ask?.(Buffer.from(sql).toString('latin1'));
    return other === undefined ? undefined : Buffer.from(other, 'latin1').toString('utf8');
  };
  const star = 'SELECT /*!40001 SQL_NO_CACHE */ * FROM `ü``t`';
  const listed = 'SELECT /*!40001 SQL_NO_CACHE */ `id`, `f``f`, `é` FROM `ü``t`';
  const exact = listed.replace('`f``f`', '`f``f` + 0E0 AS `f``f`');
  assert.equal(asked(star), exact);
  assert.equal(asked(`${listed} FOR SYSTEM_TIME ALL`), `${exact} FOR SYSTEM_TIME ALL`);
  assert.equal(asked('SELECT /*!40001 SQL_NO_CACHE */ * FROM `other`'), undefined);
  assert.equal(asked('show create table `ü``t`'), undefined);
  assert.equal(askingOf('shop', new Map()), undefined);
});

test('a database is used by the name that it has, however a dump program writes it', () => {
  const ask = askingOf('it\'s "so`\\\n', new Map());
  assert.equal(ask?.('use `it\\\'s \\"so``\\\\\\n`'), 'use `it\'s "so``\\\n`');
  assert.equal(ask?.('use `other`'), undefined);
});

function program(family: Family, number: number): DumpProgram {
  return { path: family, version: '', family, number };
}

function server(family: Family, version: string): ServerProgram {
  return { path: `${family} ${version}`, family, version };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { placed, readStatement } from './dump-statements.ts';
import { StatementCutter, statementsOf } from './statements.ts';

const end = '\n-- Dump completed\n';

function cut(text: string, pieceBytes: number): { statements: string[]; isComplete: boolean } {
  const cutter = new StatementCutter();
  const bytes = Buffer.from(text);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes)
    found.push(...cutter.push(bytes.subarray(at, at + pieceBytes)));
  const last = cutter.end();
  return { statements: [...found, ...last.found].map(String), isComplete: last.isComplete };
}

const tricky: readonly (readonly [text: string, statements: readonly string[]])[] = [
  ['/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\nSET a=1;', ['SET a=1']],
  [
    "INSERT INTO `a;b` VALUES (';', '\\';', ''';', \"\\\";\", ';--');",
    ["INSERT INTO `a;b` VALUES (';', '\\';', ''';', \"\\\";\", ';--')"],
  ],
  ['-- a; b\n# c; d\n/* e; */ SELECT 1;', ['SELECT 1']],
  ['SELECT 1 -- ;\n, 2 # ;\n, 3 /* ; */;', ['SELECT 1 -- ;\n, 2 # ;\n, 3 /* ; */']],
  ['SELECT 1--1;SELECT 2;', ['SELECT 1--1', 'SELECT 2']],
  [
    'DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END ;;\nDELIMITER ;\nSET a=2;',
    ['CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END ', 'SET a=2'],
  ],
  [
    "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x /* in ' it ; */ SET a=';' */;",
    ["/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x /* in ' it ; */ SET a=';' */"],
  ],
  [
    "SET sql_mode='NO_BACKSLASH_ESCAPES';SELECT 'a\\';SELECT 2;",
    ["SET sql_mode='NO_BACKSLASH_ESCAPES'", "SELECT 'a\\'", 'SELECT 2'],
  ],
  [
    '/*!50003 SET @saved_sql_mode = @@sql_mode */ ;SET sql_mode = \'ANSI_QUOTES\';SELECT "a\\";SET sql_mode = @saved_sql_mode;SELECT "\\";";',
    [
      '/*!50003 SET @saved_sql_mode = @@sql_mode */ ',
      "SET sql_mode = 'ANSI_QUOTES'",
      'SELECT "a\\"',
      'SET sql_mode = @saved_sql_mode',
      'SELECT "\\";"',
    ],
  ],
  ['\\! touch pwned\n;', ['\\! touch pwned\n']],
];

test('statements are cut as the clients cut them, wherever the bytes come in pieces', () => {
  for (const [text, statements] of tricky) {
    for (const pieceBytes of [1, 2, 3, 7, 64, 10_000]) {
      assert.deepEqual(cut(text + end, pieceBytes), { statements, isComplete: true }, text);
    }
  }
});

test('a dump that is cut anywhere is known to be cut', () => {
  for (const [text] of tricky) {
    const whole = text + end;
    for (let bytes = 0; bytes < whole.length - 1; bytes += 1)
      assert.equal(cut(whole.slice(0, bytes), 11).isComplete, false);
  }
});

test('the last line counts only where it is a line of its own, outside of everything', () => {
  for (const text of [
    `SELECT '${end}`,
    `SELECT '${end}'`,
    `/* ${end}`,
    `DELIMITER ;;\nCREATE PROCEDURE p() BEGIN${end}`,
    `SELECT 1${end}`,
    `SELECT 1;\n-- Dump completed by somebody\n`,
    `SELECT 1;${end}SELECT 2;\n`,
  ]) {
    assert.equal(cut(text, 5).isComplete, false, text);
  }
});

test('what no dump program writes is never sent to a server', () => {
  for (const sql of [
    'GRANT ALL ON *.* TO `x`@`%`',
    'USE `mysql`',
    'DROP DATABASE `shop`',
    'UPDATE `t` SET a=1',
    'SET GLOBAL general_log = 1',
    'SET @@GLOBAL.x = 1',
    'SET PASSWORD = PASSWORD("x")',
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE `t`",
    '\\! touch pwned',
    'system touch pwned',
    'source /tmp/x',
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    '/*!50003 DELETE FROM `t` */',
    'INSERT INTO mysql.user VALUES (1)',
    'INSERT INTO `mysql`.`user` VALUES (1)',
    'CREATE TABLE `mysql`.`x` (a int)',
    'DROP TABLE IF EXISTS `mysql`.`user`',
    'CREATE FUNCTION f RETURNS STRING SONAME "x.so"',
  ]) {
    assert.throws(
      () => readStatement(Buffer.from(sql)),
      (error) => isCoffreError(error, 'SOURCE_VERIFY_FAILED'),
      sql,
    );
  }
});

test('a statement is changed for its new place in its head only', () => {
  const placing = { original: 'shop', database: 'cöpy', definer: 'current' as const };
  const change = (sql: string): string => placed(readStatement(Buffer.from(sql)), placing).toString();
  assert.equal(
    change("CREATE DEFINER=`a``b`@`%` PROCEDURE `p`()\nSELECT 'DEFINER=`x`@`y`'"),
    "CREATE DEFINER=CURRENT_USER PROCEDURE `p`()\nSELECT 'DEFINER=`x`@`y`'",
  );
  assert.equal(
    change(
      '/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER shop.t1 before insert on `shop`.t FOR EACH ROW SET a=1 */',
    ),
    '/*!50003 CREATE*/ /*!50017 DEFINER=CURRENT_USER*/ /*!50003 TRIGGER t1 before insert on t FOR EACH ROW SET a=1 */',
  );
  assert.equal(
    change('ALTER DATABASE `shop` CHARACTER SET latin1 COLLATE latin1_bin'),
    'ALTER DATABASE `cöpy` CHARACTER SET latin1 COLLATE latin1_bin',
  );
  assert.equal(
    change('CREATE TABLE `t` (\n `id` int DEFAULT nextval(`shop`.`s`))'),
    'CREATE TABLE `t` (\n `id` int DEFAULT nextval(`cöpy`.`s`))',
  );
  assert.equal(change("INSERT INTO `t` VALUES ('nextval(`shop`.')"), "INSERT INTO `t` VALUES ('nextval(`shop`.')");
});

test('a dump that is not whole is an error to whoever loads it', async () => {
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('SET a=1;\nINSERT INTO `t` VALUES (1);\n');
  };
  const load = async (): Promise<void> => {
    for await (const _ of statementsOf(content(), 'the dump of shop'));
  };
  await assert.rejects(load(), { code: 'SOURCE_VERIFY_FAILED' });
});

/** Databases that hold what breaks dumps, as statements. */

/** Every kind of column, row and object that MariaDB 10.11 knows and a dump must carry. */
export const everything: readonly string[] = [
  'CREATE DATABASE `everything` CHARACTER SET latin1 COLLATE latin1_german2_ci',
  'USE `everything`',
  `CREATE TABLE bytes (id int AUTO_INCREMENT PRIMARY KEY, b blob, v varbinary(300), c char(3) CHARACTER SET binary, m mediumblob)`,
  ...Array.from(
    { length: 256 },
    (_, byte) =>
      `INSERT INTO bytes (b, v, c, m) VALUES (0x${hex(byte).repeat(40)}, 0x${hex(byte)}5c27${hex(byte)}, 0x${hex(byte)}, 0x${allBytes()})`,
  ),
  `CREATE TABLE texts (id int PRIMARY KEY, u varchar(200) CHARACTER SET utf8mb4, l varchar(200), k text CHARACTER SET koi8r,
     e enum('a''b','c\\\\d','ü') CHARACTER SET utf8mb4, s set('x','y','z'), KEY (u), FULLTEXT KEY (k)) COMMENT 'a comment: ''quoted''; -- and ;'`,
  `INSERT INTO texts VALUES (1, '𝄞 Ωmega \\\\ "x" ''y'' \\n \\r \\t \\Z \\0 ;', 'äöüß', _koi8r 0xd0d2c9d7c5d4, 'a''b', 'x'), (2, '', NULL, ';', 'ü', ''),
     (3, '*/ -- #', '/*!50000 x */', 'DELIMITER ;;', 'c\\\\d', 'x,z')`,
  `CREATE TABLE odd (d date, dt datetime(6), ts timestamp NULL, t time(3), y year, b bit(17), n decimal(65,30), f double, g float, j json,
     i6 inet6, u uuid, bo bool, big bigint unsigned, PRIMARY KEY (big))`,
  "INSERT INTO odd VALUES ('0000-00-00', '0000-00-00 00:00:00', NULL, '-838:59:59.999', 2155, b'10101010101010101', 12345678901234567890123456789012345.123456789012345678901234567890, 1e308, 1.17549e-38, '{\"a\": [1, \"\\\\u00fc\"]}', '::1', '123e4567-e89b-12d3-a456-426655440000', true, 18446744073709551615)",
  "INSERT INTO odd VALUES ('2024-00-00', '2024-02-29 23:59:59.999999', '2024-03-31 01:30:00', '00:00:00.001', 0, b'0', -0.1, -0.0, 0.1, 'null', NULL, NULL, false, 0)",
  'CREATE TABLE shapes (id int PRIMARY KEY, g geometry NOT NULL, p point, SPATIAL KEY (g))',
  "INSERT INTO shapes VALUES (1, ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))', 4326), POINT(1.5, -2.25))",
  `CREATE TABLE made (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c varchar(20) AS (CONCAT('n', a)) STORED, d int INVISIBLE DEFAULT 7,
     KEY (c), CHECK (a > 0))`,
  'INSERT INTO made (a) VALUES (1), (2), (3)',
  'CREATE TABLE left_side (id int PRIMARY KEY, other int, name varchar(20)) ENGINE=InnoDB',
  'CREATE TABLE right_side (id int PRIMARY KEY, other int, CONSTRAINT to_left FOREIGN KEY (other) REFERENCES left_side (id) ON DELETE CASCADE)',
  'ALTER TABLE left_side ADD CONSTRAINT to_right FOREIGN KEY (other) REFERENCES right_side (id)',
  'SET foreign_key_checks = 0',
  "INSERT INTO left_side VALUES (1, 2, 'l')",
  'INSERT INTO right_side VALUES (2, 1)',
  'SET foreign_key_checks = 1',
  `CREATE TABLE parts (id int, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
     (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE)`,
  "INSERT INTO parts VALUES (1, '2019-05-05'), (2, '2024-05-05'), (3, '0000-00-00')",
  'CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10 CACHE 5',
  'SELECT NEXTVAL(numbers), NEXTVAL(numbers)',
  'CREATE TABLE numbered (id bigint DEFAULT NEXTVAL(numbers) PRIMARY KEY, x int)',
  'INSERT INTO numbered (x) VALUES (1), (2)',
  'CREATE TABLE history (id int PRIMARY KEY, x int) WITH SYSTEM VERSIONING',
  'INSERT INTO history VALUES (1, 1), (2, 1)',
  'UPDATE history SET x = 2',
  'DELETE FROM history WHERE id = 2',
  'CREATE TABLE old_engine (id int PRIMARY KEY, x text) ENGINE=MyISAM',
  "INSERT INTO old_engine VALUES (1, 'not transactional')",
  'CREATE TABLE zeros (id int AUTO_INCREMENT PRIMARY KEY, x int)',
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
  'INSERT INTO zeros VALUES (0, 0), (5, 5)',
  "SET SESSION sql_mode = ''",
  'CREATE TABLE empty_one (id int)',
  'CREATE VIEW on_view AS SELECT 1 AS one',
  "CREATE VIEW z_first AS SELECT id, x, 'it''s' AS quoted FROM numbered WHERE x > 0 WITH CHECK OPTION",
  'CREATE SQL SECURITY INVOKER VIEW a_second AS SELECT z.id FROM z_first z JOIN on_view o',
  `CREATE TRIGGER count_up BEFORE INSERT ON numbered FOR EACH ROW
   BEGIN
     -- a comment; with ;; and DELIMITER and 'quotes
     /* another ' one */
     IF NEW.x IS NULL THEN SET NEW.x = (SELECT COUNT(*) FROM empty_one); END IF;
   END`,
  'CREATE TRIGGER second_trigger BEFORE INSERT ON numbered FOR EACH ROW FOLLOWS count_up SET NEW.x = COALESCE(NEW.x, 0)',
  `CREATE PROCEDURE \`odd \`\`name\` (IN a int, OUT b varchar(20) CHARACTER SET utf8mb4)
   COMMENT 'it''s'
   BEGIN
     DECLARE x text DEFAULT 'a;b\\'c';
     # a comment ; with "
     SET b = CONCAT(a, x, ";", \`b\`);
   END`,
  "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
  `CREATE FUNCTION backslash () RETURNS varchar(30) DETERMINISTIC RETURN CONCAT('a\\', 'b;', (SELECT 1 AS "x\\"))`,
  "SET SESSION sql_mode = 'ORACLE'",
  'CREATE PACKAGE tools AS FUNCTION one RETURN int; END',
  'CREATE PACKAGE BODY tools AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END',
  "SET SESSION sql_mode = ''",
  "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO BEGIN DELETE FROM empty_one; UPDATE zeros SET x = 1; END",
  'ALTER DATABASE `everything` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
];

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function allBytes(): string {
  return Array.from({ length: 256 }, (_, byte) => hex(byte)).join('');
}

/** Names that break out of quotes, words, lines and shells. */
export const hostileNames: readonly string[] = [
  '--help',
  '-uroot',
  "it's",
  'say "hi"',
  'back`tick',
  '$(touch pwned)',
  'a b',
  'two\nlines',
  'x\n-- Dump completed\ny',
  'x\n\\! touch pwned\n;',
  'slash/dot.dot',
  '../up',
  'percent%2f',
  'ünïcødé',
  'users',
  '__proto__',
  'semi;colon',
  'star*/',
];

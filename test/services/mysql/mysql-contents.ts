/** What MySQL knows and a dump must carry, by the release that knows it, as statements. */

/** @param series as `8.0` is 800, `5.7` is 507, `9.7` is 907 */
export function everythingOfMysql(series: number): string[] {
  return [
    'CREATE DATABASE `everything` CHARACTER SET latin1 COLLATE latin1_german2_ci',
    'USE `everything`',
    `CREATE TABLE bytes (id int AUTO_INCREMENT PRIMARY KEY, b blob, v varbinary(300), c binary(3), m mediumblob, t bit(7))`,
    ...Array.from(
      { length: 256 },
      (_, byte) =>
        `INSERT INTO bytes (b, v, c, m, t) VALUES (0x${hex(byte).repeat(40)}, 0x${hex(byte)}5c27${hex(byte)}, 0x${hex(byte)}, 0x${allBytes()}, ${byte % 128})`,
    ),
    `CREATE TABLE texts (id int PRIMARY KEY, u varchar(200) CHARACTER SET utf8mb4, l varchar(200), k text CHARACTER SET koi8r, three varchar(20) CHARACTER SET utf8,
       e enum('a''b','c\\\\d','ü') CHARACTER SET utf8mb4, s set('x','y','z'), KEY (u(100)), FULLTEXT KEY (k)) COMMENT 'a comment: ''quoted''; -- and ;'`,
    `INSERT INTO texts VALUES (1, '𝄞 Ωmega \\\\ "x" ''y'' \\n \\r \\t \\Z \\0 ;', 'äöüß', _koi8r 0xd0d2c9d7c5d4, 'ḃ', 'a''b', 'x'), (2, '', NULL, ';', NULL, 'ü', ''),
       (3, '*/ -- #', '/*!50000 x */', 'DELIMITER ;;', '', 'c\\\\d', 'x,z')`,
    `CREATE TABLE odd (d date, dt datetime(6), ts timestamp NULL, t time(3), y year, b bit(17), n decimal(65,30), f double, g float, j json,
       bo bool, big bigint unsigned, PRIMARY KEY (big))`,
    "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
    "INSERT INTO odd VALUES ('0000-00-00', '0000-00-00 00:00:00', NULL, '-838:59:59', 2155, b'10101010101010101', 12345678901234567890123456789012345.123456789012345678901234567890, 1e308, 1.17549e-38, '{\"a\": [1, \"\\\\u00fc\", 1.0, 12345678901234567890]}', true, 18446744073709551615)",
    "INSERT INTO odd VALUES ('2024-02-31', '2024-02-29 23:59:59.999999', '2024-03-31 01:30:00', '00:00:00.001', 0, b'0', -0.1, -0.0, 0.1, 'null', false, 0)",
    "SET SESSION sql_mode = ''",
    'CREATE TABLE shapes (id int PRIMARY KEY, g geometry NOT NULL, p point, SPATIAL KEY (g))',
    `INSERT INTO shapes VALUES (1, ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))', ${series < 800 ? '0' : '4326'}), POINT(1.5, -2.25))`,
    "CREATE TABLE made (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c varchar(20) AS (CONCAT('n', a)) STORED, KEY (c))",
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
    'CREATE TABLE old_engine (id int PRIMARY KEY, x text) ENGINE=MyISAM',
    "INSERT INTO old_engine VALUES (1, 'not transactional')",
    'CREATE TABLE zeros (id int AUTO_INCREMENT PRIMARY KEY, x int)',
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    'INSERT INTO zeros VALUES (0, 0), (5, 5)',
    "SET SESSION sql_mode = ''",
    'CREATE TABLE empty_one (id int)',
    'CREATE VIEW on_view AS SELECT 1 AS one',
    "CREATE VIEW z_first AS SELECT id, x, 'it''s' AS quoted FROM zeros WHERE x > 0 WITH CHECK OPTION",
    'CREATE SQL SECURITY INVOKER VIEW a_second AS SELECT z.id FROM z_first z JOIN on_view o',
    `CREATE TRIGGER count_up BEFORE INSERT ON zeros FOR EACH ROW
     BEGIN
       -- a comment; with ;; and DELIMITER and 'quotes
       /* another ' one */
       IF NEW.x IS NULL THEN SET NEW.x = (SELECT COUNT(*) FROM empty_one); END IF;
     END`,
    'CREATE TRIGGER second_trigger BEFORE INSERT ON zeros FOR EACH ROW FOLLOWS count_up SET NEW.x = COALESCE(NEW.x, 0)',
    `CREATE PROCEDURE \`odd \`\`name\` (IN a int, OUT b varchar(20) CHARACTER SET utf8mb4)
     COMMENT 'it''s'
     BEGIN
       DECLARE x text DEFAULT 'a;b\\'c';
       # a comment ; with "
       SET b = CONCAT(a, x, ";", \`b\`);
     END`,
    "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
    `CREATE FUNCTION backslash () RETURNS varchar(30) DETERMINISTIC RETURN CONCAT('a\\', 'b;', (SELECT 1 AS "x\\"))`,
    "SET SESSION sql_mode = ''",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO BEGIN DELETE FROM empty_one; UPDATE zeros SET x = 1; END",
    ...(series < 800 ? [] : since8),
    ...(series < 900 ? [] : since9),
    'ALTER DATABASE `everything` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  ];
}

const since8: readonly string[] = [
  `CREATE TABLE newer (a int PRIMARY KEY, d int INVISIBLE DEFAULT 7, b varchar(50) COLLATE utf8mb4_0900_ai_ci DEFAULT (UPPER('x')), j json DEFAULT (JSON_ARRAY()),
     s point SRID 4326, g int AS (j->>'$.n') VIRTUAL, KEY by_d (d DESC), KEY hidden (b) INVISIBLE, KEY made_of ((UPPER(b))),
     CONSTRAINT positive CHECK (a > 0), CONSTRAINT lax CHECK (d < 5) NOT ENFORCED, KEY many ((CAST(j->'$.tags' AS UNSIGNED ARRAY))))`,
  `INSERT INTO newer (a, d, b, j) VALUES (1, 8, 'ß', '{"n": 5, "tags": [1, 2]}'), (2, 9, DEFAULT, DEFAULT)`,
  'CREATE TABLE keyless (x int, `generated` varchar(3))',
  "INSERT INTO keyless VALUES (1, 'a'), (1, 'a'), (2, NULL)",
  'CREATE TABLE `rank` (`system` int PRIMARY KEY, `lateral` int)',
  'INSERT INTO `rank` VALUES (1, 2)',
  'CREATE VIEW windowed AS WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n, SUM(n) OVER (ORDER BY n) AS total FROM c',
];

const since9: readonly string[] = [
  'CREATE TABLE vectors (id int PRIMARY KEY, v vector(3))',
  "INSERT INTO vectors VALUES (1, TO_VECTOR('[1, -2.5, 3e10]')), (2, NULL)",
];

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function allBytes(): string {
  return Array.from({ length: 256 }, (_, byte) => hex(byte)).join('');
}

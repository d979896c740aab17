/** A database with everything that has a name, and names that programs trip over. */

export const hostileNames = [
  "it's",
  'a "b"',
  '-rf',
  '$(touch /tmp/hacked)',
  'two\nlines',
  'dbname=postgres',
  'ünï %s \\ /',
];

/** SQL for a database with all kinds of objects, rows, large objects and owners. */
export const everything = `
CREATE ROLE "bob 's" LOGIN PASSWORD 'secret of bob'; CREATE ROLE reader; GRANT reader TO "bob 's";
CREATE SCHEMA "we ird";
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'ok', data jsonb, bytes bytea);
CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, total numeric(10, 2), at timestamptz DEFAULT now(),
  twice numeric GENERATED ALWAYS AS (total * 2) STORED, kind positive);
CREATE INDEX ON customers (lower(name));
CREATE INDEX orders_total ON orders (total) WHERE total > 10;
COMMENT ON INDEX orders_total IS 'half';
CREATE TABLE parts (id int, region text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE "we ird"."t""x" (a mood, "c 'ol" text);
CREATE UNLOGGED TABLE heap (a int);
CREATE VIEW rich AS SELECT c.name, sum(o.total) AS total FROM customers c JOIN orders o ON o.customer = c.id GROUP BY 1;
CREATE MATERIALIZED VIEW cached AS SELECT count(*) FROM customers;
CREATE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE no_delete AS ON DELETE TO parts DO INSTEAD NOTHING;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON orders USING (customer > 0);
CREATE PUBLICATION all_of_it FOR ALL TABLES;
CREATE SEQUENCE counter START 40; SELECT nextval('counter');
ALTER TABLE customers OWNER TO "bob 's"; GRANT SELECT ON orders TO reader;
INSERT INTO customers SELECT i, E'name\\t' || i, CASE WHEN i % 3 = 0 THEN 'sad' ELSE 'ok' END::mood, jsonb_build_object('n', i),
  decode(md5(i::text), 'hex') FROM generate_series(1, 3000) i;
INSERT INTO orders (customer, total, kind) SELECT i % 3000 + 1, i / 7.0, 1 FROM generate_series(1, 6000) i;
INSERT INTO parts SELECT i, 'eu' FROM generate_series(1, 50) i;
INSERT INTO "we ird"."t""x" VALUES ('ok', E'back\\\\slash'), ('sad', NULL);
INSERT INTO heap SELECT generate_series(1, 10);
SELECT lo_from_bytea(0, '\\x123456');
REFRESH MATERIALIZED VIEW cached;
`;

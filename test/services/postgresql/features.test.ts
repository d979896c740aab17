/** Everything that a version of PostgreSQL can hold comes back from it, and goes into newer ones. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addressUrl } from '../../../packages/coffre/src/source/postgresql/address-url.ts';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { featuresOf } from './features.ts';
import { contextFor, save, settingsFor, type Saved } from './scene.ts';
import { findPostgres, postgresMajors, skipWithoutPostgres } from './versions.ts';

/** Without 16, which holds nothing that 15 and 17 do not. */
const majors = postgresMajors.filter((major) => major !== 16);

for (const major of majors) {
  describe(`what PostgreSQL ${major} can hold`, { skip: skipWithoutPostgres(major) }, () => {
    let server: PostgresServer;
    let saved: Saved;
    const { programs } = findPostgres(major) ?? { programs: '' };
    const settings = () => settingsFor(server, { databases: ['whole'] });
    before(async () => {
      server = await startPostgres({ programs });
      server.run('createdb', ['whole']);
      const hstore = server.run('psql', ['-Atc', "SELECT FROM pg_available_extensions WHERE name = 'hstore'", 'whole']);
      const sql = featuresOf(major, hstore !== '');
      server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', '-', 'whole'], `${sql}\n${ofDatabase}`);
      saved = await save(settings(), contextFor(programs));
    });
    after(async () => await server?.[Symbol.asyncDispose]());

    test('is proved in a private server', async () => {
      const steps = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
      const { differences, passed } = await postgresql.verify(saved, contextFor(programs), steps);
      assert.deepEqual([differences, passed], [[], [...steps]]);
    });

    test('comes back as pg_dump itself sees it', async () => {
      const context = contextFor(programs);
      await postgresql.load(saved, { to: 'again', overwrite: false, only: [], settings: settings() }, context);
      assert.deepEqual(context.lines, []);
      const [again, whole] = [scriptOf(server, 'again'), scriptOf(server, 'whole')];
      assert.deepEqual([linesOnlyIn(again, whole), linesOnlyIn(whole, again)], [[], []]);
      assert.equal(again.length, whole.length);
    });

    test('comes back where functions name things without their schema, with a word about it', async () => {
      server.run('createdb', ['loose']);
      server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', '-', 'loose'], withoutSchemas(major));
      const loose = settingsFor(server, { databases: ['loose'] });
      const context = contextFor(programs);
      const kept = await save(loose, contextFor(programs));
      const steps = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
      const { differences } = await postgresql.verify(kept, context, steps);
      assert.deepEqual(differences, []);
      for (const [to, made] of [
        ['beside', false],
        ['waiting', true],
      ] as const) {
        if (made) server.run('createdb', [to]);
        await postgresql.load(kept, { to, overwrite: false, only: [], settings: loose }, context);
        const asked = 'SET search_path = helper, public; SELECT slug, slugged(name), many() FROM things';
        assert.equal(server.run('psql', ['-Atc', asked, to]), server.run('psql', ['-Atc', asked, 'loose']));
      }
      const word =
        /was loaded with the search path helper, public, "\$user"[^\n]* \(function shout\(text\) does not exist\); ALTER FUNCTION/;
      assert.deepEqual(
        context.lines.map((line) => word.test(line)),
        [true, true, true],
      );
    });

    // Only some builds of 18 have the extensions.
    test(
      'goes into PostgreSQL 17',
      { skip: major === 13 ? skipWithoutPostgres(17) : 'it is not the oldest' },
      async () => {
        const newer = findPostgres(17)?.programs ?? '';
        await using other = await startPostgres({ programs: newer });
        const to = addressUrl(addressOf({ socket: other.folder, user: 'coffre' }), 'whole');
        const target = { to, overwrite: false, only: [], settings: undefined, createsOwners: true };
        await postgresql.load(saved, target, contextFor(newer));
        const owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'whole'";
        assert.equal(other.run('psql', ['-Atc', owner, 'postgres']).trim(), 'f_owner');
      },
    );
  });
}

/** As people write them: it works where they work, in their search path. From 17 on servers index and refresh without one. */
const withoutSchemas = (major: number): string => `
CREATE SCHEMA helper; CREATE FUNCTION helper.shout(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1)';
SET search_path = helper, public;
CREATE FUNCTION public.slugged(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN shout($1); END';
CREATE TABLE public.things (id int PRIMARY KEY, name text, slug text GENERATED ALWAYS AS (public.slugged(name)) STORED);
INSERT INTO things SELECT i, 'thing ' || i FROM generate_series(1, 50) i;
CREATE FUNCTION public.many() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM things); END';
${major >= 17 ? '' : 'CREATE INDEX ON things (slugged(name)); CREATE MATERIALIZED VIEW counted AS SELECT many() AS n;'}
ALTER DATABASE loose SET search_path = helper, public;
`;

const ofDatabase = `
COMMENT ON DATABASE whole IS 'it''s all of it'; ALTER DATABASE whole OWNER TO f_owner; ALTER DATABASE whole CONNECTION LIMIT 40;
ALTER DATABASE whole SET search_path = app, public; ALTER DATABASE whole SET work_mem = '5MB'; ALTER DATABASE whole SET default_transaction_read_only = on;
ALTER ROLE f_app IN DATABASE whole SET statement_timeout = '9s'; ALTER ROLE f_app IN DATABASE whole SET search_path = 'a b', app;
REVOKE ALL ON DATABASE whole FROM PUBLIC; GRANT CONNECT ON DATABASE whole TO f_reader; GRANT CREATE, TEMPORARY ON DATABASE whole TO f_app WITH GRANT OPTION;
`;

/** Schema, rows and rights as a script, without the key that is another one every time. */
function scriptOf(server: PostgresServer, name: string): string {
  return (
    server
      .run('pg_dump', ['--create', name])
      .replaceAll(/^\\(un)?restrict .*$/gm, '')
      // The type of an identity column's sequence follows the column, and with it what the largest number is called.
      .replaceAll('    MAXVALUE 2147483647', '    NO MAXVALUE')
      .replaceAll(new RegExp(`\\b${name}\\b`, 'g'), 'DATABASE')
  );
}

function linesOnlyIn(one: string, other: string): string[] {
  const lines = new Set(other.split('\n'));
  return one.split('\n').filter((line) => !lines.has(line));
}

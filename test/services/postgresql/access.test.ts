/** Who may read what, how the server is reached, and what is never told to anybody. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSampleRepository } from '../../../packages/repository/src/testing/sample-repository.ts';
import type { Programs } from '../../../packages/coffre/src/platform/programs.ts';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { CheckStep } from '../../../packages/coffre/src/source/source.ts';
import { freePort } from '../free-port.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { contextFor, save, settingsFor } from './scene.ts';
import { startReplica } from './replica.ts';
import { saveInto } from './save-into.ts';
import { findPostgres, skipWithoutPostgres } from './versions.ts';

const password = 'hush-3f9c-$(id)';
const allSteps: ReadonlySet<CheckStep> = new Set(['archive', 'open', 'schema', 'row_counts']);

describe('access to PostgreSQL', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  const { programs: folder } = findPostgres(15) ?? { programs: '' };
  const sql = (text: string, database = 'shop'): void =>
    void server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', '-', database], text);
  before(async () => {
    server = await startPostgres({ programs: folder, password });
    server.run('createdb', ['shop']);
    sql(`CREATE EXTENSION pg_trgm; CREATE TABLE open (a text); CREATE TABLE secret (a text); CREATE SCHEMA inside;
      CREATE TABLE inside.deep (id serial); INSERT INTO open SELECT repeat('x', 100) FROM generate_series(1, 20000);
      CREATE INDEX ON open USING gin (a gin_trgm_ops);
      CREATE ROLE clerk LOGIN PASSWORD '${password}'; CREATE ROLE saver LOGIN PASSWORD '${password}';
      GRANT SELECT ON open TO clerk; GRANT pg_read_all_data TO saver;`);
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const as = (user: string, more: object = {}) =>
    settingsFor(server, {
      databases: ['shop'],
      address: addressOf({ host: '127.0.0.1', port: server.port, user, password, ...more }),
    });

  test('tables that the user may not read are named, and nothing is saved', async () => {
    const { repository } = await createSampleRepository();
    await assert.rejects(saveInto(repository, as('clerk'), contextFor(folder)), {
      code: 'SOURCE_DENIED',
      message: /may not read inside\.deep, inside\.deep_id_seq, public\.secret/,
    });
    assert.deepEqual(await repository.listSnapshots(), []);
  });

  test('rows that policies hide and large objects of others are named too', async () => {
    const refused = async (message: RegExp): Promise<void> =>
      await assert.rejects(postgresql.preflight(as('saver'), contextFor(folder), undefined), {
        code: 'SOURCE_DENIED',
        message,
      });
    sql('CREATE TABLE mine (a text); ALTER TABLE mine ENABLE ROW LEVEL SECURITY');
    await refused(/row-level security hides rows of public\.mine/);
    sql('DROP TABLE mine; SELECT lo_create(4711)');
    await refused(/may not read 1 large objects/);
    sql('SELECT lo_unlink(4711)');
    await postgresql.preflight(as('saver'), contextFor(folder), undefined);
  });

  test('a user who may only read saves everything but passwords of roles, and it is proved', async () => {
    const context = contextFor(folder);
    const { warnings } = await postgresql.preflight(as('saver'), context, undefined);
    assert.deepEqual(warnings, ['roles are saved without their passwords: only a superuser may read them']);
    const saved = await save(as('saver'), context);
    assert.doesNotMatch(saved.files.get('/sources/shop/globals.sql')?.toString('utf8') ?? '', /SCRAM-SHA/);
    const { differences, proved } = await postgresql.verify(saved, context, allSteps);
    assert.deepEqual(differences, []);
    assert.match(proved.join(), /20000 rows in 3 tables as counted/);
  });

  test('a part can be chosen, and only that is promised', async () => {
    const context = contextFor(folder);
    const settings = { ...as('clerk'), dumpArguments: ['--table=open'] };
    await postgresql.preflight(settings, context, undefined);
    const saved = await save(settings, context);
    assert.deepEqual(
      saved.truth.databases[0]?.relations.map(({ name }) => name),
      ['open'],
    );
    assert.deepEqual((await postgresql.verify(saved, context, new Set(['archive']))).differences, []);
    const bare = { ...as('saver'), dumpArguments: ['--exclude-table-data=open', '-N', 'inside'] };
    const without = await save(bare, context);
    assert.deepEqual(
      without.truth.databases[0]?.relations.map(({ name, rows }) => [name, rows]),
      [
        ['open', null],
        ['secret', 0],
      ],
    );
    assert.deepEqual((await postgresql.verify(without, context, allSteps)).differences, []);
    await assert.rejects(postgresql.preflight({ ...settings, dumpArguments: ['--file=/x'] }, context, undefined), {
      code: 'USAGE',
    });
  });

  test('passwords are among no words of a program, in no message and not in what is saved', async () => {
    const seen: string[] = [];
    const context = contextFor(folder);
    const programs: Programs = {
      async *output(call) {
        for await (const part of context.programs.output(call)) {
          yield part;
          seen.push(...allCommands());
        }
      },
    };
    const { repository } = await createSampleRepository();
    const { warnings } = await saveInto(repository, as('saver'), { ...context, programs });
    assert.ok(
      seen.some((words) => words.includes('pg_dump')),
      'looked while it ran',
    );
    assert.doesNotMatch([...seen, ...warnings, ...context.lines].join('\n'), /hush-3f9c/);
    const saved = await save(as('saver'), context);
    assert.doesNotMatch(JSON.stringify(saved.truth) + postgresql.describe(as('saver')), /hush-3f9c/);
    const wrong = as('saver', { password: 'wrong-7d1e' });
    await assert.rejects(postgresql.preflight(wrong, context, undefined), (error: Error) => {
      assert.match(error.message, /password authentication failed for user "saver"/);
      assert.doesNotMatch(error.message, /wrong-7d1e/);
      return true;
    });
  });

  test('what is not there is said in a sentence: server, database, tools', async () => {
    const context = contextFor(folder);
    const fails = async (settings: ReturnType<typeof as>, code: string, why: RegExp): Promise<void> =>
      await assert.rejects(postgresql.preflight(settings, context, undefined), { code, message: why });
    await fails(as('saver', { port: await freePort() }), 'SOURCE_UNREACHABLE', /ECONNREFUSED/);
    await fails(as('saver', { host: undefined, socket: '/no/such' }), 'SOURCE_UNREACHABLE', /ENOENT/);
    await fails(as('saver', { tls: 'require' }), 'SOURCE_UNREACHABLE', /SSL/);
    await fails({ ...as('saver'), databases: ['shpo', 'shop'] }, 'SOURCE_MISSING', /no database "shpo"/);
    await fails(
      { ...as('saver'), databases: [], excludeDatabases: ['shop', 'postgres'] },
      'SOURCE_MISSING',
      /no database is left/,
    );
    const quick = await postgresql.quickCheck(as('saver', { port: await freePort() }), context);
    assert.match(quick.differences.join(), /ECONNREFUSED/);
    assert.deepEqual((await postgresql.quickCheck(as('saver'), context)).differences, []);
  });

  test(
    'an extension that the proof lacks is said before anything is loaded',
    { skip: skipWithoutPostgres(18) },
    async () => {
      const saved = await save(as('saver'), contextFor(folder));
      await using other = await startPostgres({ programs: findPostgres(18)?.programs ?? '' });
      const address = addressOf({ socket: other.folder, user: 'coffre' });
      const target = { to: 'shop', overwrite: false, only: [], settings: { ...as('saver'), address } };
      await assert.rejects(
        postgresql.load(saved, { ...target, createsOwners: true }, contextFor(findPostgres(18)?.programs)),
        {
          code: 'SOURCE_TOOL_MISSING',
          message: /no extension pg_trgm/,
        },
      );
    },
  );

  test(
    'tools that are older than the server are named with the package to install',
    { skip: skipWithoutPostgres(18) },
    async () => {
      await using other = await startPostgres({ programs: findPostgres(18)?.programs ?? '' });
      const settings = settingsFor(other);
      await assert.rejects(
        postgresql.preflight(settings, contextFor(), undefined),
        (error: Error & { hint?: string }) => {
          assert.match(error.message, /PostgreSQL 18 or newer is needed, and here is 15\./);
          assert.match(error.hint ?? '', /postgresql-client-18/);
          return true;
        },
      );
    },
  );

  test('a replica is saved like any server, and its unlogged tables are warned of', async () => {
    sql('CREATE UNLOGGED TABLE quick (a int)');
    const replica = await startReplica(server, folder);
    try {
      const settings = {
        ...as('saver'),
        address: addressOf({ socket: replica.folder, port: replica.port, user: 'saver', password }),
      };
      const context = contextFor(folder);
      const { warnings } = await postgresql.preflight(settings, context, undefined);
      assert.match(warnings.join(), /1 unlogged tables have no rows on a replica/);
      const saved = await save(settings, context);
      assert.equal(saved.truth.server.isReplica, true);
      assert.deepEqual((await postgresql.verify(saved, context, allSteps)).differences, []);
    } finally {
      await replica.stop();
    }
  });
});

function allCommands(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}

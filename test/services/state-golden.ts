/**
 * Writes down a small state of the schema's version now, from both engines, as tests migrate it ever after:
 *
 *   node --conditions=@coffre/source test/services/state-golden.ts
 *
 * Once for each version, before it is released; what is there already is never written again.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaVersion } from '../../packages/coffre/src/store/migrations/migrations.ts';
import { goldenFolder, goldenName } from '../../packages/coffre/src/store/testing/golden.ts';
import { dumpSqlite } from '../../packages/coffre/src/store/testing/sqlite-dump.ts';
import { fillSample } from '../../packages/coffre/src/store/testing/sample-state.ts';
import { openScene } from '../../packages/coffre/src/store/testing/scene.ts';
import { startPostgres } from './postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-golden-'));
try {
  const file = join(folder, 'state.db');
  {
    await using store = await openScene({ kind: 'sqlite', file });
    await fillSample(store);
  }
  write('sqlite', dumpSqlite(file));

  await using server = await startPostgres();
  const url = server.createDatabase();
  {
    await using store = await openScene({ kind: 'postgres', url });
    await fillSample(store);
  }
  const dump = server.run('pg_dump', ['--inserts', '--no-owner', '--no-privileges', '--schema', 'coffre', 'test1']);
  write('postgres', plainStatements(dump));
} finally {
  rmSync(folder, { recursive: true });
}

function write(engine: 'sqlite' | 'postgres', text: string): void {
  const path = join(goldenFolder, goldenName(engine, schemaVersion));
  if (existsSync(path)) process.stdout.write(`${path} is there already and stays\n`);
  else writeFileSync(path, text);
}

/** Without what only psql understands, what belongs to the server, and what changes with its version. */
function plainStatements(dump: string): string {
  const lines = dump.split('\n').filter((line) => !/^(--|\\|SET |SELECT pg_catalog\.set_config|$)/.test(line));
  return `${lines.join('\n')}\n`;
}

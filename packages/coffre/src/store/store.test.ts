import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { StoreLocation } from './location.ts';
import { historySuite } from './testing/history-suite.ts';
import { letterSuite } from './testing/letter-suite.ts';
import { migrationSuite } from './testing/migration-suite.ts';
import type { MigrationScene } from './testing/migration-suite.ts';
import { schemaVersion } from './migrations/migrations.ts';
import { readGolden } from './testing/golden.ts';
import { retentionSuite } from './testing/retention-suite.ts';
import { slotSuite } from './testing/slot-suite.ts';
import { openScene } from './testing/scene.ts';
import { sqliteSchema } from './testing/sqlite-dump.ts';
import { workSuite } from './testing/work-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-store-'));
after(() => rmSync(folder, { recursive: true }));

let places = 0;
const scene: MigrationScene = {
  freshPlace: () => {
    places += 1;
    return { kind: 'sqlite', file: join(folder, `${places}`, 'state.db') };
  },
  filledPlace: async (statements) => {
    places += 1;
    const file = join(folder, `${places}`, 'state.db');
    mkdirSync(join(folder, `${places}`));
    const database = new DatabaseSync(file);
    database.exec(statements);
    database.close();
    return { kind: 'sqlite', file };
  },
};

historySuite('SQLite', () => scene);
retentionSuite('SQLite', () => scene);
slotSuite('SQLite', () => scene);
workSuite('SQLite', () => scene);
letterSuite('SQLite', () => scene);
migrationSuite('sqlite', () => scene);

test('a state that was brought up from any version is made as a new one is', async () => {
  const schemaOf = async (place: StoreLocation): Promise<string[]> => {
    await (await openScene(place))[Symbol.asyncDispose]();
    assert.ok(place.kind === 'sqlite');
    return sqliteSchema(place.file);
  };
  const fresh = await schemaOf(scene.freshPlace());
  for (let version = 1; version <= schemaVersion; version += 1) {
    assert.deepEqual(await schemaOf(await scene.filledPlace(readGolden('sqlite', version))), fresh);
  }
});

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after } from 'node:test';
import { historySuite } from './testing/history-suite.ts';
import { migrationSuite } from './testing/migration-suite.ts';
import type { MigrationScene } from './testing/migration-suite.ts';
import { retentionSuite } from './testing/retention-suite.ts';
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
workSuite('SQLite', () => scene);
migrationSuite('sqlite', () => scene);

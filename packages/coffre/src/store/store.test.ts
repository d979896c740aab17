import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { historySuite } from './testing/history-suite.ts';
import { retentionSuite } from './testing/retention-suite.ts';
import { workSuite } from './testing/work-suite.ts';
import type { Scene } from './testing/scene.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-store-'));
after(() => rmSync(folder, { recursive: true }));

let places = 0;
const scene: Scene = {
  freshPlace: () => {
    places += 1;
    return { kind: 'sqlite', file: join(folder, `${places}`, 'state.db') };
  },
};

historySuite('SQLite', () => scene);
retentionSuite('SQLite', () => scene);
workSuite('SQLite', () => scene);

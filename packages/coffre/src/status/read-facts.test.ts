import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { statusSuite } from './testing/status-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-status-'));
after(() => rmSync(folder, { recursive: true }));

let places = 0;
statusSuite('SQLite', () => {
  places += 1;
  return { kind: 'sqlite', file: join(folder, `${places}.db`) };
});

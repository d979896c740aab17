import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { reportSuite } from './testing/report-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-report-'));
after(() => rmSync(folder, { recursive: true }));

let places = 0;
reportSuite('SQLite', () => ({ kind: 'sqlite', file: join(folder, `state-${(places += 1)}.db`) }));

/** The state under processes that are killed: on a file here, on PostgreSQL in `test/services/state-postgres.test.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { killSuite } from '../../packages/coffre/src/store/testing/kill-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-state-kills-'));
after(() => rmSync(folder, { recursive: true }));

killSuite('SQLite', () => ({ freshPlace: () => ({ kind: 'sqlite', file: join(folder, 'state.db') }) }), 10);

/** The whole daemon but for its processes, on simulated time; on PostgreSQL in `test/services/daemon-postgres.test.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createSeededRandom } from '@coffre/repository/testing';
import { fleetSuite } from './testing/fleet-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-fleet-'));
after(() => rmSync(folder, { recursive: true }));
let places = 0;

fleetSuite('SQLite', {
  freshPlace: () => ({ kind: 'sqlite', file: join(folder, `state-${(places += 1)}.db`) }),
  days: Number(process.env['COFFRE_DAYS'] ?? 1),
  random: createSeededRandom,
  seed: Number(process.env['COFFRE_SEED'] ?? 1),
});

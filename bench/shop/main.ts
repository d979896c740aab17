/**
 * `npm run bench:shop -- postgresql|mysql|mongodb [--scale 1] [--record] [--note TEXT]`: the shop's database saved by Coffre and by
 * what people use today. One command; run it on a quiet machine.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../machine.ts';
import { plainTable } from '../report.ts';
import { recordRun } from '../results.ts';
import { holdContest } from './contest.ts';
import { mongodbArena } from './mongodb.ts';
import { mysqlArena } from './mysql.ts';
import { postgresArena } from './postgresql.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
    note: { type: 'string' },
    coffre: { type: 'string' },
    programs: { type: 'string', default: '/usr/lib/postgresql/15/bin' },
  },
});

const arenas = { mongodb: mongodbArena, mysql: mysqlArena, postgresql: postgresArena };
const [engine = 'postgresql'] = positionals;
const makeArena = Object.hasOwn(arenas, engine) ? arenas[engine as keyof typeof arenas] : undefined;
if (makeArena === undefined) throw new Error(`there is no ${engine}; there is ${Object.keys(arenas).join(', ')}`);

const release = at('../../.cache/release/bin/coffre');
const coffre = values.coffre ?? (existsSync(release) ? release : at('../../packages/coffre/bin/coffre'));
const startedAt = new Date();
const workFolder = mkdtempSync(join(tmpdir(), 'coffre-shop-'));
try {
  await using arena = await makeArena({ scale: Number(values.scale), workFolder, coffre, programs: values.programs });
  say(`${describeMachine()}\n${arena.title}`);
  const { lines, failures } = await holdContest(arena, say);
  process.stdout.write(`${[plainTable(lines), ...failures].join('\n')}\n`);
  if (values.record) {
    const place = { machine: describeMachine(), versions: [`coffre at ${coffre}`, ...arena.versions] };
    const commandLine = `npm run bench:shop -- ${engine} --scale ${values.scale}`;
    const said = { startedAt, commandLine, dataSets: [arena.title], places: workFolder, note: values.note, failures };
    recordRun(at('../RESULTS.md'), { ...place, ...said }, lines);
  }
  if (failures.length > 0) process.exitCode = 1;
} finally {
  rmSync(workFolder, { recursive: true, force: true });
}

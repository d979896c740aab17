/** Another process that writes a SQLite database without a pause; `total` always says how many rows `log` has. */
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';

const [path = '', journalMode = 'wal'] = process.argv.slice(2);
const database = new DatabaseSync(path, { timeout: 10_000 });
database.exec(`PRAGMA journal_mode = ${journalMode}`);
database.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, text TEXT); CREATE TABLE total (rows INTEGER)');
database.exec('INSERT INTO total VALUES (0); CREATE TABLE "a ""quoted"" -- $(name)" (x)');
const insert = database.prepare('INSERT INTO log (text) VALUES (?)');

function write(rows: number): void {
  database.exec('BEGIN IMMEDIATE');
  for (let row = 0; row < rows; row += 1) insert.run(`row ${row} ${'of many '.repeat(20)}`);
  database.exec(`UPDATE total SET rows = rows + ${rows}; COMMIT`);
}

write(30_000);
process.send?.('ready');
process.on('disconnect', () => process.exit());
for (;;) {
  write(1);
  await pause(2);
}

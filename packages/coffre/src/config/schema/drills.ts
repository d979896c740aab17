/** Restores on trial, staged recovery. */
import { z } from 'zod';
import {
  argv,
  durationMs,
  flag,
  list,
  longText,
  name,
  named,
  sizeBytes,
  text,
  wholeNumber,
  word,
  timetable,
} from './leaf.ts';
import { sourceName } from './plans.ts';
import { enabled, hooks } from './sections.ts';

const scratch = z.strictObject({
  scratch: word(['private', 'same_server'])
    .prefault('private')
    .describe('A server of its own that is thrown away, or a database of its own'),
  keep_on_failure: durationMs.optional().describe('How long a failed restore stays for a look'),
});

const into = z.strictObject({
  postgresql: scratch.optional().describe('Into PostgreSQL'),
  mysql: scratch.optional().describe('Into MySQL'),
  mariadb: scratch.optional().describe('Into MariaDB'),
  mongodb: scratch.optional().describe('Into MongoDB'),
  redis: scratch.optional().describe('Into Redis'),
  sqlite: scratch.optional().describe('Into a file of SQLite'),
  folder: text.optional().describe('Into this folder, for files'),
  keep_on_failure: durationMs.optional().describe('How long a failed restore stays for a look'),
});

const value = z.union([z.number(), z.boolean(), longText], { error: 'must be a number, a text or true or false' });
const assertion = z.union([
  z.strictObject({ tables: word(['same_as_source']).describe('The tables are those of the source') }),
  z.strictObject({ rows: word(['same_as_source']).describe('Every table has as many rows as the manifest says') }),
  z.strictObject({
    sql: longText.describe('A query with one value as its answer'),
    min: z.number({ error: 'must be a number' }).optional().describe('The answer is at least this'),
    max: z.number({ error: 'must be a number' }).optional().describe('The answer is at most this'),
    equals: value.optional().describe('The answer is this'),
  }),
  z.strictObject({
    path: longText.describe('A restored file'),
    min_size: sizeBytes.optional().describe('It is at least so large'),
  }),
  z.strictObject({ files: wholeNumber(1, 1e12).describe('At least so many files were restored') }),
  z.strictObject({ run: argv.describe('A command that fails when something is wrong') }),
]);

const target = { target_rto: durationMs.optional().describe('How long it may take') };

export const drill = z.union([
  z.strictObject({
    enabled,
    source: sourceName.describe('What to restore'),
    from: z
      .strictObject({
        repository: name.optional().describe('Repository to restore from'),
        pick: word(['latest', 'random']).prefault('latest').describe('Which snapshot'),
        within: durationMs.optional().describe('Not older than this'),
      })
      .prefault({})
      .describe('Which backup'),
    schedule: timetable.optional().describe('When; without it only by hand'),
    into: into.prefault({}).describe('Where to restore'),
    assert: list(assertion, 'assertions').prefault([]).describe('What must be true of what was restored'),
    hooks: hooks.describe('Commands around the drill'),
    ...target,
  }),
  z.strictObject({
    enabled,
    runbook: name.describe('Runbook to rehearse'),
    site: name.optional().describe('Site it is for'),
    mode: word(['simulate', 'real']).prefault('simulate').describe('Only say what would be done, or do it'),
    schedule: timetable.optional().describe('When; without it only by hand'),
    ...target,
  }),
]);

const probe = z.union([
  z.strictObject({
    tcp: text.describe('HOST:PORT that accepts a connection'),
    timeout: durationMs.optional().describe('Give up after this time'),
  }),
  z.strictObject({
    http: text.describe('Address that answers'),
    expect: wholeNumber(100, 599).prefault(200).describe('Status of the answer'),
    timeout: durationMs.optional().describe('Give up after this time'),
  }),
  z.strictObject({
    run: argv.describe('Command that succeeds'),
    timeout: durationMs.optional().describe('Give up after this time'),
  }),
]);

const requirement = z.union([
  word(['repository.readable', 'secrets.readable', 'root', 'network']),
  z.strictObject({ 'disk.free': sizeBytes.describe('So much room on the disk') }),
  z.strictObject({ command: text.describe('A program that must be there') }),
]);

const services = list(text, 'services');

export const stage = z.union([
  z.strictObject({ require: list(requirement, 'requirements').describe('What must hold before anything is touched') }),
  z.strictObject({ stop: services.describe('Services to stop, as compose:PROJECT or systemd:UNIT') }),
  z.strictObject({ preserve: word(['current']).describe('Keep what is there, broken or not') }),
  z.strictObject({ verify: word(['snapshots']).describe('Prove the backups before anything is written') }),
  z.strictObject({ restore: list(sourceName, 'sources').describe('Sources to restore, in this order') }),
  z.strictObject({
    run: argv.describe('Command to run'),
    timeout: durationMs.optional().describe('Give up after this time'),
  }),
  z.strictObject({
    start: services.describe('Services to start'),
    wait: durationMs.optional().describe('Wait before the probe'),
    probe: probe.optional().describe('How to see that it works'),
  }),
  z.strictObject({ ask: text.describe('A question that a person answers before it goes on') }),
  z.strictObject({ watch: durationMs.describe('Keep an eye on it for this long') }),
]);

export const drills = named(drill).prefault({}).describe('Restores on trial');
export const runbooks = named(
  z.strictObject({
    title: text.optional().describe('What it is for'),
    interactive: flag.prefault(true).describe('Ask before each stage that changes something'),
    stages: list(stage, 'stages').min(1, { error: 'is empty: it needs a stage' }).describe('Steps, in order'),
  }),
)
  .prefault({})
  .describe('Recovery step by step');

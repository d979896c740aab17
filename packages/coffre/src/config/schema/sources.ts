/** What to protect, by type. */
import { z } from 'zod';
import {
  argv,
  durationMs,
  limitMs,
  flag,
  leaf,
  list,
  longText,
  name,
  named,
  secret,
  sizeBytes,
  text,
  wholeNumber,
  withSecrets,
  word,
} from './leaf.ts';
import { application, criticality, guards, hooks, objectives, waivers } from './sections.ts';

const common = {
  criticality: criticality
    .prefault('medium')
    .describe('How bad its loss is; high and critical demand a copy at another place'),
  objectives: objectives.prefault({}).describe('What was promised'),
  sensitive: flag.prefault(false).describe('Holds secrets or personal data: shown masked, never sent in reports'),
  guards: guards.prefault({}).describe('When to refuse a backup; the rest comes from `defaults`'),
  hooks: hooks.describe('Commands around this source'),
  waivers: waivers.describe('Parts of the 3-2-1 rule that are given up, with the reason'),
  application: application.optional().describe('The application it belongs to, named in the manifest'),
};

const paths = list(longText, 'paths').min(1, { error: 'is empty: name at least one path' });

const server = z.strictObject({
  url: withSecrets.optional().describe('Address instead of the single parts'),
  service: text.optional().describe('Entry of pg_service.conf, or group of the option file'),
  socket: text.optional().describe('Socket, or the folder it is in'),
  host: text.optional().describe('Host name or address'),
  port: wholeNumber(1, 65_535).optional().describe('Port'),
  database: text.optional().describe('The one database'),
  databases: list(text, 'databases').optional().describe('Several databases; all of them where none is named'),
  exclude_databases: list(text, 'databases').optional().describe('Databases to leave out'),
  user: text.optional().describe('User, best one that may only read'),
  password: secret.optional().describe('Password of the user'),
  tls: word(['off', 'prefer', 'require', 'verify']).optional().describe('Encryption of the connection'),
  ca_file: text.optional().describe('Root certificates'),
});

const dump = {
  connect: server.prefault({}).describe('How to reach the server'),
  options: list(longText, 'arguments').optional().describe('Further arguments of the dump program'),
};

/** Of the one engine whose tools read several tables of one moment at a time. */
const parallel = {
  parallel_over: sizeBytes.optional().describe('Databases larger than this are dumped in parallel, into files'),
  jobs: wholeNumber(1, 64).optional().describe('Tables at the same time, when dumped or loaded in parallel'),
};

const trial = z.union([
  word(['private', 'same_server']),
  z.strictObject({
    url: withSecrets.describe('Address of a server for trials'),
    user: text.optional().describe('User who may make and drop databases there'),
    password: secret.optional().describe('Password of the user'),
    tls: word(['off', 'require', 'verify']).optional().describe('Encryption of the connection'),
    ca_file: text.optional().describe('Root certificates'),
  }),
]);

const validation = z.union([
  word(['toml', 'json', 'yaml', 'sqlite']),
  z.strictObject({ command: argv.describe('Command that fails for a bad file; the path is added') }),
  z.strictObject({ extension: text.describe('A validation that an extension brings') }),
]);

export const source = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('files').describe('Files and folders'),
      ...common,
      paths: paths.describe('Files and folders; * and ** match names'),
      exclude: list(longText, 'patterns').prefault([]).describe('Patterns as restic reads them'),
      exclude_caches: flag.prefault(false).describe('Leave out folders with a CACHEDIR.TAG'),
      exclude_if_present: list(text, 'file names').prefault([]).describe('Leave out folders that hold such a file'),
      exclude_larger_than: sizeBytes.optional().describe('Leave out larger files'),
      one_file_system: flag.prefault(false).describe('Stay on the file systems of the paths'),
      module_from: leaf('a piece of a path with {module}', (value) =>
        value.split('{module}').length === 2
          ? { value }
          : { problem: 'must hold {module} once, as in modules/{module}/state/' },
      )
        .optional()
        .describe('Where in the path the name of the module stands, for restores of one module'),
      validate: validation.optional().describe('A file that does not pass is never taken for good'),
      freeze: word(['btrfs', 'zfs', 'lvm']).optional().describe('Read from a snapshot of the file system'),
    }),
    z.strictObject({
      type: z.literal('postgresql').describe('PostgreSQL'),
      ...common,
      ...dump,
      ...parallel,
      content_sums: flag.prefault(false).describe('Record a sum over the rows of every table, not only their number'),
    }),
    z.strictObject({ type: z.literal('mysql').describe('MySQL'), ...common, ...dump }),
    z.strictObject({ type: z.literal('mariadb').describe('MariaDB'), ...common, ...dump }),
    z.strictObject({
      type: z.literal('mongodb').describe('MongoDB'),
      ...common,
      ...dump,
      scratch: trial
        .prefault('private')
        .describe('Where proofs load it: a private server, or databases of other names on a server'),
    }),
    z.strictObject({
      type: z.literal('sqlite').describe('SQLite'),
      ...common,
      path: longText.optional().describe('The database file'),
      paths: paths.optional().describe('Several database files'),
      continuous: durationMs.optional().describe('Save changes as they happen, at most this often'),
    }),
    z.strictObject({
      type: z.literal('redis').describe('Redis or Valkey'),
      ...common,
      connect: server.prefault({}).describe('How to reach the server'),
      method: word(['rdb', 'aof', 'both']).prefault('rdb').describe('What to save'),
    }),
    z.strictObject({
      type: z.literal('git').describe('A git repository, saved as a bundle'),
      ...common,
      path: longText.describe('The repository'),
    }),
    z.strictObject({
      type: z.literal('command').describe('What a program prints'),
      ...common,
      run: argv.describe('Program whose output is saved; no shell'),
      load: argv.optional().describe('Program that takes the output back'),
      filename: text.optional().describe('Name of the file in the snapshot'),
      timeout: limitMs.optional().describe('Give up after this time'),
    }),
    z.strictObject({
      type: z.literal('extension').describe('A kind that an extension brings'),
      ...common,
      use: text.describe('What the extension calls it'),
      settings: z
        .record(z.string(), z.unknown())
        .prefault({})
        .describe('As the extension understands them; no secrets'),
    }),
  ],
  { error: 'must be a source with a known `type`' },
);

export const site = z.strictObject({
  host: name.optional().describe('Host that runs the plans of this site; this one where none is named'),
  place: text.optional().describe('Where the originals are; counts for 3-2-1'),
  application: application.optional().describe('The application of this site'),
  sources: named(source).prefault({}).describe('What to protect there'),
});

export const sites = named(site).prefault({}).describe('What to protect, by site');

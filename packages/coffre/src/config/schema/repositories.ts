/** Where secrets and backups are. */
import { z } from 'zod';
import {
  argv,
  bytesPerSecond,
  durationMs,
  flag,
  leaf,
  name,
  named,
  percent,
  secret,
  share,
  sizeBytes,
  text,
  timeWindow,
  withSecrets,
  wholeNumber,
  word,
  timetable,
} from './leaf.ts';
import type { Read } from '../values/quantity.ts';
import { readPercent, readSizeBytes } from '../values/quantity.ts';
import { oneOrMore } from './schedule.ts';

export type UnusedLimit =
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'size'; readonly sizeBytes: number }
  | { readonly kind: 'unlimited' };

function readUnused(text: string): Read<UnusedLimit> {
  if (text === 'unlimited') return { value: { kind: 'unlimited' } };
  const percent = readPercent(text).value;
  if (percent !== undefined) return { value: { kind: 'percent', percent } };
  const sizeBytes = readSizeBytes(text).value;
  if (sizeBytes !== undefined) return { value: { kind: 'size', sizeBytes } };
  return { problem: 'must be a percentage, a size or unlimited' };
}

const secretForms =
  'must say where the secret is: {env: NAME}, {file: PATH}, {command: [PROGRAM, …]} or {systemd: NAME}';

export const secretSource = z
  .strictObject(
    {
      env: leaf('the name of a variable', (value) =>
        /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
          ? { value }
          : { problem: 'must be the name of a variable, never the secret itself' },
      )
        .optional()
        .describe('Environment variable that holds it'),
      file: text.optional().describe('File that holds it'),
      command: argv.optional().describe('Command that prints it; no shell'),
      systemd: leaf('the name of a credential', (value) =>
        /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value) ? { value } : { problem: 'must be the name of a credential' },
      )
        .optional()
        .describe('Credential that systemd hands to the service (LoadCredential=)'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? secretForms : undefined) },
  )
  .check((context) => {
    const given = Object.values(context.value).filter((value) => value !== undefined).length;
    if (given !== 1) {
      const message = 'needs one of `env`, `file`, `command` and `systemd`';
      context.issues.push({ code: 'custom', message, path: [], input: context.value });
    }
  });

export const repository = z.strictObject({
  url: withSecrets.describe('Folder, or address as restic writes it: s3:…, sftp:…, rest:…, rclone:…'),
  password: secret.describe('Password of the repository'),
  access: z
    .strictObject({
      id: withSecrets.optional().describe('Access key id, or user name'),
      key: secret.optional().describe('Secret access key, or password'),
      session_token: secret.optional().describe('Session token of temporary credentials'),
      region: text.optional().describe('Region of the bucket'),
    })
    .optional()
    .describe('Credentials of the storage'),
  options: z.record(z.string(), text).optional().describe('Extended options, as with -o'),
  medium: word(['disk', 'removable', 'nas', 'server', 'object', 'tape', 'optical'])
    .optional()
    .describe('What the copies lie on; 3-2-1 wants two'),
  place: text.optional().describe('Where that is; 3-2-1 wants another one'),
  compression: word(['auto', 'off', 'fastest', 'better', 'max']).prefault('auto').describe('How hard to compress'),
  capacity: sizeBytes.optional().describe('How much may be stored there, where the storage does not say'),
  capacity_alert: percent
    .refine((value) => value <= 100, { error: 'must be 100% or less' })
    .optional()
    .describe('Alert when so full'),
  check: z
    .strictObject({
      structure: timetable.optional().describe('How often to check indexes, trees and packs'),
      read_data: share.optional().describe('How much to read back, and how often'),
      full_within: durationMs.optional().describe('Every pack is read back within this time'),
    })
    .prefault({})
    .describe('How the repository is proved sound'),
  prune: z
    .strictObject({
      schedule: timetable.describe('When to remove what no snapshot needs'),
      max_unused: leaf('a percentage, a size or unlimited', readUnused)
        .optional()
        .describe('How much unneeded data may stay'),
      max_repack: sizeBytes.optional().describe('How much to write again at most'),
    })
    .optional()
    .describe('Removal of what no snapshot needs'),
  append_only: flag.prefault(false).describe('Hosts cannot delete there'),
  maintained_by: name.optional().describe('Host that prunes and checks, with credentials of its own'),
  object_lock: durationMs.optional().describe('How long the storage keeps what is written from being deleted'),
  limits: z
    .strictObject({
      upload: bytesPerSecond.optional().describe('At most so fast upwards'),
      download: bytesPerSecond.optional().describe('At most so fast downwards'),
      window: oneOrMore(timeWindow, 'windows').optional().describe('Move data only within these hours'),
      connections: wholeNumber(1, 100).optional().describe('Calls at the same time'),
    })
    .optional()
    .describe('How much of the line to take'),
});

export const secrets = named(secretSource)
  .prefault({})
  .describe('Where secrets are; a secret itself is never written here');
export const repositories = named(repository).prefault({}).describe('Where backups are kept');

export const store = z
  .union([
    withSecrets,
    z.strictObject({
      url: withSecrets.describe('postgres://USER@HOST/DATABASE, or a file of SQLite'),
      password: secret.optional().describe('Password of the database'),
    }),
  ])
  .optional()
  .describe('Where history and state are kept; a file of SQLite in the state folder otherwise');

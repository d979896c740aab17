/** Who is told what, and what is expected of others. */
import { z } from 'zod';
import {
  argv,
  dueTime,
  durationMs,
  extensionSettings,
  flag,
  list,
  named,
  name,
  secret,
  text,
  timeZone,
  wholeNumber,
  withSecrets,
  word,
  timetable,
} from './leaf.ts';

const channel = z
  .strictObject({
    mail: z
      .strictObject({
        to: list(text, 'addresses').min(1, { error: 'is empty: name an address' }).describe('Recipients'),
        from: text.optional().describe('Sender'),
        smtp: withSecrets.describe('smtps://USER:${secret:name}@HOST'),
      })
      .optional()
      .describe('Mail'),
    ntfy: z
      .strictObject({
        url: withSecrets.describe('Address with topic'),
        token: secret.optional().describe('Access token'),
      })
      .optional()
      .describe('ntfy'),
    webhook: z
      .strictObject({
        url: withSecrets.describe('Address'),
        signing_key: secret.optional().describe('Key that signs the message'),
        headers: z
          .record(z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'must be the name of a header' }), withSecrets)
          .optional()
          .describe('Further headers'),
      })
      .optional()
      .describe('A message in JSON to any address'),
    gotify: z
      .strictObject({ url: withSecrets.describe('Address'), token: secret.describe('Token of the application') })
      .optional()
      .describe('Gotify'),
    slack: z
      .strictObject({ url: secret.describe('Address of the webhook; who knows it may write') })
      .optional()
      .describe('Slack'),
    discord: z
      .strictObject({ url: secret.describe('Address of the webhook; who knows it may write') })
      .optional()
      .describe('Discord'),
    teams: z
      .strictObject({ url: secret.describe('Address of the webhook; who knows it may write') })
      .optional()
      .describe('Teams'),
    matrix: z
      .strictObject({
        url: withSecrets.describe('Home server'),
        room: text.describe('Room'),
        token: secret.describe('Access token'),
      })
      .optional()
      .describe('Matrix'),
    telegram: z
      .strictObject({ chat: text.describe('Chat'), token: secret.describe('Token of the bot') })
      .optional()
      .describe('Telegram'),
    pagerduty: z
      .strictObject({ key: secret.describe('Integration key') })
      .optional()
      .describe('PagerDuty'),
    command: z
      .strictObject({ run: argv.describe('Program that gets the message on its input; no shell') })
      .optional()
      .describe('A program'),
    extension: z
      .strictObject({
        use: text.describe('What the extension calls it'),
        settings: extensionSettings.describe('As the extension understands them; secrets as ${secret:name}'),
      })
      .optional()
      .describe('A channel that an extension brings'),
  })
  .check((context) => {
    const given = Object.values(context.value).filter((kind) => kind !== undefined).length;
    if (given !== 1)
      context.issues.push({
        code: 'custom',
        message: 'needs one kind of channel, as `mail` or `ntfy`',
        path: [],
        input: context.value,
      });
  });

const causes = [
  'failed',
  'integrity',
  'hash_mismatch',
  'transfer_integrity_failed',
  'missing',
  'late',
  'never_ran',
  'stale_report',
  'source_empty',
  'size_anomaly',
  'copy_late',
  'retention_failed',
  'care_failed',
  'drill_failed',
  'drill_late',
  'capacity',
  'locked',
  'agent_lost',
  'objective_at_risk',
  'objective_broken',
  'restore_needed',
  'recovered',
  'unknown',
] as const;

const route = z.strictObject({
  when: z
    .union([word(['digest', 'always']), list(word(causes), 'causes').min(1, { error: 'is empty: name a cause' })])
    .describe('What to tell: causes, or the digest'),
  severity: word(['info', 'warning', 'critical']).prefault('warning').describe('How loud'),
  to: list(name, 'channels').min(1, { error: 'is empty: name a channel' }).describe('Channels'),
  after: durationMs.optional().describe('Only when it has lasted so long'),
  nag: durationMs.optional().describe('Say it again after this time'),
  schedule: timetable.optional().describe('When the digest is sent'),
});

export const alerts = z
  .strictObject({
    channels: named(channel).prefault({}).describe('Ways to reach somebody'),
    routes: list(route, 'routes').prefault([]).describe('What goes where'),
    heartbeat: z
      .strictObject({
        url: withSecrets.describe('Address that is called while all is well'),
        every: durationMs.prefault('5m').describe('How often'),
      })
      .optional()
      .describe('Somebody must notice if Coffre itself dies'),
  })
  .prefault({})
  .describe('Who is told what');

export const fleet = z
  .strictObject({
    intake: z
      .strictObject({
        path: text.describe('Folder where reports arrive'),
        pattern: text.describe('Where a report lies in it, with {company}, {city}, {neighborhood}'),
        max_age: durationMs.prefault('2d').describe('Older reports are stale'),
        window: durationMs.prefault('60m').describe('How long after the due time a report may come'),
        promote_to: text.optional().describe('Folder that gets what was proved'),
      })
      .optional()
      .describe('Reports of others'),
    expect: list(
      z.strictObject({
        site: text.describe('Site, as in the reports'),
        databases: list(text, 'databases')
          .min(1, { error: 'is empty: name a database' })
          .describe('Databases that report'),
        frequency: word(['hourly', 'daily', 'weekly', 'monthly', 'once']).describe('How often'),
        due: dueTime.describe('When, as 20:00Z'),
        timezone: timeZone.optional().describe('Time zone of a due time without Z'),
        file: text.optional().describe('Name of the deposited file, with {database} and {date}'),
      }),
      'expected backups',
    )
      .prefault([])
      .describe('Backups of others that must arrive'),
  })
  .prefault({})
  .describe('Backups that other programs make and report');

export const contacts = list(
  z.strictObject({
    role: text.describe('What to call them for'),
    name: text.optional().describe('Name'),
    phone: text.optional().describe('Telephone'),
    mail: text.optional().describe('Mail'),
    hours: text.optional().describe('When they can be reached'),
    external: flag.prefault(false).describe('Of another company'),
    note: text.optional().describe('What else to know'),
  }),
  'contacts',
)
  .prefault([])
  .describe('People to call, printed first in a recovery');

export const server = z
  .strictObject({
    listen: text.prefault('127.0.0.1:7373').describe('Address and port of the dashboard and the API'),
    metrics: flag.prefault(false).describe('Metrics for Prometheus under /metrics'),
    concurrency: z
      .strictObject({
        total: wholeNumber(1, 1000).prefault(4).describe('Runs at the same time'),
        per_host: wholeNumber(1, 1000).prefault(2).describe('Runs at the same time on one host'),
      })
      .prefault({})
      .describe('How much may run at the same time'),
    audit: z
      .strictObject({
        syslog: text.describe('tcp+tls://HOST:PORT, tcp://… or udp://…'),
        format: word(['rfc5424', 'cef', 'ecs', 'ocsf']).prefault('rfc5424').describe('Form of the records'),
      })
      .optional()
      .describe('Where the audit log is sent as well'),
  })
  .prefault({})
  .describe('The service that runs the plans');

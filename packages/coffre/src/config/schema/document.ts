/** The whole file. Its keys, their meaning, types and defaults are said here once; everything else reads them from here. */
import { z } from 'zod';
import { drills, runbooks } from './drills.ts';
import { list, text, timeZone } from './leaf.ts';
import { defaults, plans } from './plans.ts';
import { repositories, secrets, store } from './repositories.ts';
import { sites } from './sources.ts';
import { alerts, contacts, fleet, server } from './watching.ts';

export const documentSchema = z.strictObject({
  version: z.literal(1, { error: 'must be 1' }).describe('Version of this form'),
  include: list(text, 'files').prefault([]).describe('Files that are read first; what stands here wins'),
  extensions: list(text, 'modules')
    .prefault([])
    .describe(
      'Modules that bring sources, validations, retention strategies, storages, triggers or channels: ./file.ts, or packages',
    ),
  company: text.optional().describe('Name at the top of reports and of the fleet'),
  timezone: timeZone.optional().describe('How schedules are read; that of the machine where nothing is said'),
  defaults,
  secrets,
  repositories,
  sites,
  plans,
  drills,
  runbooks,
  fleet,
  alerts,
  contacts,
  server,
  store,
});

/** What the schema makes of a file: values with units, defaults filled in, names not yet looked up. */
export type ConfigDocument = z.output<typeof documentSchema>;

/** Settings that stand at several places. */
import { z } from 'zod';
import {
  argv,
  durationMs,
  flag,
  limitMs,
  list,
  longText,
  lossPercent,
  percent,
  text,
  wholeNumber,
  withSecrets,
  word,
} from './leaf.ts';

export const priority = word(['low', 'normal', 'high']);
export const criticality = word(['low', 'medium', 'high', 'critical']);

const guardAction = word(['refuse', 'warn', 'allow']);
const future = word(['ignore', 'warn', 'refuse']);
const fewest = wholeNumber(0, 1e12);

const guardMeaning = {
  empty: 'What to do when a source is suddenly empty',
  mount: 'What to do when the disk of a source is not mounted',
  fewest: 'Fewer files than this are taken for an empty source',
  shrink: 'Refuse when a source lost more than this since the last backup',
  growth: 'Warn when a source grew by more than this since the last backup',
  future: 'What to do about snapshots dated in the future',
} as const;

export const guards = z.strictObject({
  empty_source: guardAction.optional().describe(guardMeaning.empty),
  wrong_mount: guardAction.optional().describe(guardMeaning.mount),
  min_files: fewest.optional().describe(guardMeaning.fewest),
  shrink_over: lossPercent.optional().describe(guardMeaning.shrink),
  growth_over: percent.optional().describe(guardMeaning.growth),
  future_snapshots: future.optional().describe(guardMeaning.future),
});

/** Those that hold where nobody says anything. */
export const usualGuards = z.strictObject({
  empty_source: guardAction.prefault('refuse').describe(guardMeaning.empty),
  wrong_mount: guardAction.prefault('refuse').describe(guardMeaning.mount),
  min_files: fewest.prefault(1).describe(guardMeaning.fewest),
  shrink_over: lossPercent.optional().describe(guardMeaning.shrink),
  growth_over: percent.optional().describe(guardMeaning.growth),
  future_snapshots: future.prefault('ignore').describe(guardMeaning.future),
});

/** Variables whose name says that they are secret. */
const secretVariable = /(PASS|PASSWORD|PASSWD|TOKEN|SECRET|API_?KEY)$/i;

/** What to do when a step fails or does not end. */
export const hook = z
  .strictObject({
    at: word(['before', 'after', 'error', 'finally']).describe(
      'Before the guards, after success, after failure, or always as soon as reading ends',
    ),
    run: argv.optional().describe('Program and arguments; no shell'),
    shell: longText.optional().describe('A line for /bin/sh, where a shell is wanted'),
    timeout: limitMs.prefault('5m').describe('Give up after this time'),
    on_error: word(['abort', 'warn']).prefault('abort').describe('Whether its failure stops the run'),
    environment: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of a variable' }), withSecrets)
      .optional()
      .describe('Variables beside PATH, HOME, LANG and those of Coffre'),
  })
  .check((context) => {
    const { run, shell, environment = {} } = context.value;
    for (const [variable, { template, secretNames }] of Object.entries(environment)) {
      if (!secretVariable.test(variable) || secretNames.length > 0) continue;
      const message = 'is a secret and cannot be written into the file';
      context.issues.push({
        code: 'custom',
        message,
        params: { secret: true },
        path: ['environment', variable],
        input: template,
      });
    }
    if ((run === undefined) === (shell === undefined)) {
      const message = run === undefined ? 'needs `run` or `shell`' : 'has both `run` and `shell`; keep one';
      context.issues.push({ code: 'custom', message, path: [], input: context.value });
    }
  });

export const hooks = list(hook, 'hooks').prefault([]);

export const objectives = z.strictObject({
  rpo: durationMs.optional().describe('How much work may be lost: the age of the newest good backup'),
  rto: durationMs.optional().describe('How long a restore may take'),
});

export const waivers = list(
  z.strictObject({
    rule: word(['offsite', 'copies', 'media']).describe('The part of 3-2-1 that is given up'),
    reason: text.describe('Why; shown wherever the rule would be'),
    until: text.optional().describe('When to decide again, as 2027-01-31'),
  }),
  'waivers',
).prefault([]);

export const application = z.strictObject({
  name: text.optional().describe('Name of the application'),
  version: text.optional().describe('Its version'),
  version_command: argv.optional().describe('Command that prints its version'),
  version_file: text.optional().describe('File that holds its version'),
});

export const retries = z.strictObject({
  times: wholeNumber(0, 100).prefault(3).describe('How often to try again before it counts as failed'),
  wait: durationMs.prefault('5m').describe('How long to wait before that; doubled each time'),
});

export const enabled = flag
  .prefault(true)
  .describe('Switched off, it is listed, and runs only when somebody asks for it');

/** Names of backups: what people may call one, and what every backup is called without being named. Pure. */
import { CoffreError, parseTimestamp, timestampNs } from '@coffre/repository';
import type { Snapshot } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';

const charactersMax = 100;
const manualLead = 'backup_manual_';

/**
 * The name, in the one form that equal names have. It becomes a tag, a word of a command line and a part of file names.
 * @throws {CoffreError} USAGE
 */
export function parseBackupName(text: string): string {
  const name = text.normalize('NFC');
  const why = problemOf(name);
  if (why === undefined) return name;
  throw new CoffreError('USAGE', `a backup cannot be called ${JSON.stringify(text.slice(0, charactersMax))}: ${why}`, {
    hint: 'Use letters, digits, spaces and . _ + @ # = -, for example migration_v1_2.',
  });
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (Array.from(name).length > charactersMax) return `it is longer than ${charactersMax} characters`;
  if (/^[.-]/.test(name)) return `it begins with ${name[0]}`;
  if (name.trim() !== name) return 'it begins or ends with a space';
  if (automaticInstant.test(name)) return 'automatic backups are called like that';
  if (name.startsWith(manualLead)) return `every named backup answers to ${manualLead}NAME already`;
  const bad = /[^\p{L}\p{M}\p{N} ._+@#=-]/u.exec(name)?.[0];
  return bad === undefined ? undefined : `it has the character ${JSON.stringify(bad)}`;
}

const automaticInstant = /^backup_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/;

/** `backup_2026-08-20_14-00-00`, on the clock of the zone. */
export function automaticName({ time }: Pick<Snapshot, 'time'>, zone: ZoneName): string {
  const instant = Temporal.Instant.fromEpochNanoseconds(timestampNs(parseTimestamp(time)));
  const local = instant.toZonedDateTimeISO(zone).toPlainDateTime().toString({ smallestUnit: 'second' });
  return `backup_${local.replace('T', '_').replaceAll(':', '-')}`;
}

const descriptionCharactersMax = 200;

/** One line about a backup, in its tags. @throws {CoffreError} USAGE */
export function parseDescription(text: string): string {
  const line = text.trim();
  const why =
    line === ''
      ? 'it is empty'
      : Array.from(line).length > descriptionCharactersMax
        ? `it is longer than ${descriptionCharactersMax} characters`
        : /[\p{C}\p{Zl}\p{Zp}]/u.test(line)
          ? 'it has control characters'
          : undefined;
  if (why === undefined) return line;
  throw new CoffreError('USAGE', `the description cannot be used: ${why}`, { hint: 'Give one short line of text.' });
}

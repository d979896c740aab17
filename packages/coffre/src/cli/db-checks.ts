/** Three questions about a database: does it answer, is a snapshot of it sound, and what is otherwise than it was. */
import { CoffreError, shortId } from '@coffre/repository';
import { verifySaved } from '../run/verify-saved.ts';
import { typeOf } from '../source/source-types.ts';
import type { Cli } from './cli.ts';
import { chosenSource, liveSpecs, openBackup, type OpenedBackup } from './db-source.ts';
import type { DbCompareOptions, DbOptions } from './db.ts';
import { formatDurationMs } from './output/format.ts';
import { formatZonedTime } from './output/local-time.ts';
import { sourceContext } from './source-context.ts';

export async function quickCheck(cli: Cli, name: string, options: DbOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  const printer = cli.printer();
  const context = sourceContext(cli, cli.signal, (line) => printer.error(`Warning: ${line}`), chosen.configured);
  const beganMs = performance.now();
  const proved: string[] = [];
  const differences: string[] = [];
  for (const { kind, settings } of await liveSpecs(chosen)) {
    const found = await typeOf(kind).quickCheck(settings, context);
    proved.push(...found.proved);
    differences.push(...found.differences);
  }
  const tookMs = Math.round(performance.now() - beganMs);
  const source = chosen.source.name;
  if (printer.json) {
    printer.message({
      schema: 'coffre.db-check/1',
      source,
      sound: differences.length === 0,
      proved,
      differences,
      ms: tookMs,
    });
  } else {
    for (const line of differences) printer.error(`${source}: ${line}`);
    if (proved.length > 0) printer.normal(`${source}: ${proved.join(', ')} (${formatDurationMs(tookMs)})`);
  }
  if (differences.length === 0) return;
  throw new CoffreError('SOURCE_VERIFY_FAILED', `${source} does not answer as it should`, {
    hint: 'The lines above say why. What was saved of it is not touched by this.',
  });
}

const everyStep = ['hash', 'archive', 'open', 'schema', 'row_counts'] as const;

export async function validate(cli: Cli, name: string, options: DbOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  const { session, stored, signed, repository } = await openBackup(cli, chosen, options);
  await using _session = session;
  const { printer, signal } = session;
  const context = sourceContext(cli, signal, (line) => printer.error(`Warning: ${line}`), chosen.configured);
  const indexed = await session.repository.loadIndex();
  const { passed, proved } = await verifySaved(indexed, stored, everyStep, context, {
    specs: await liveSpecs(chosen),
  });
  const source = chosen.source.name;
  if (printer.json) {
    const { fingerprint: key } = signed;
    const { id: snapshot } = stored;
    const { time } = stored.snapshot;
    printer.message({
      schema: 'coffre.db-validate/1',
      source,
      snapshot,
      time,
      repository: repository.name,
      key,
      passed,
      proved,
    });
    return;
  }
  printer.normal(
    `${source}: ${shortId(stored.id)} of ${formatZonedTime(stored.snapshot.time)}, from ${repository.name}`,
  );
  for (const line of proved) printer.normal(`  ${line}`);
}

export async function compare(cli: Cli, name: string, options: DbCompareOptions): Promise<void> {
  const chosen = await chosenSource(cli, name, options);
  const earlier = await openBackup(cli, chosen, options);
  await using session = earlier.session;
  const { printer, signal } = session;
  const differences: string[] = [];
  let other = 'now';
  if (options.with === undefined) {
    const context = sourceContext(cli, signal, (line) => printer.error(`Warning: ${line}`), chosen.configured);
    for (const { kind, settings } of await liveSpecs(chosen)) {
      differences.push(...differing(earlier, settings.name, await typeOf(kind).present(settings, context)));
    }
  } else {
    const later = await openBackup(cli, chosen, options, options.with);
    await using _later = later.session;
    other = shortId(later.stored.id);
    for (const { saved } of later.sources) differences.push(...differing(earlier, saved.name, saved.truth));
  }
  const source = chosen.source.name;
  const snapshot = earlier.stored.id;
  if (printer.json) {
    printer.message({
      schema: 'coffre.db-compare/1',
      source,
      snapshot,
      with: options.with ?? null,
      same: differences.length === 0,
      differences,
    });
  } else {
    for (const line of differences) printer.always(line);
    if (differences.length === 0) printer.normal(`${source}: ${other} as in ${shortId(snapshot)}`);
  }
  if (differences.length === 0) return;
  throw new CoffreError('SOURCE_DIFFERS', `${source} is not as in ${shortId(snapshot)}`, {
    hint: 'A database in use moves on; only what should not have changed is a reason to look.',
  });
}

function differing({ sources }: OpenedBackup, name: string, truth: unknown): readonly string[] {
  const found = sources.find(({ saved }) => saved.name === name);
  if (found === undefined) return [`${name} is not in the snapshot`];
  return found.type.differences(found.saved.truth, truth);
}

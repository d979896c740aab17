/** `coffre backup` with sources: databases, programs and files in one snapshot, with a signed manifest. */
import {
  CoffreError,
  createFiles,
  shortId,
  systemClock,
  timestampOfNs,
  toText,
  zeroCounters,
} from '@coffre/repository';
import { keyFilePath, keyFingerprint, openSigningKey } from '../manifest/signature.ts';
import { listedPathsOf, saveSources } from '../source-run/save-sources.ts';
import type { SaveOutcome } from '../source-run/save-sources.ts';
import { fullTag } from '../named/tags.ts';
import { stateFolder } from '../store/location.ts';
import { chooseParent } from './backup-parent.ts';
import { readSourceRequest } from './backup-source-request.ts';
import { defined, workingFolder } from './backup-request.ts';
import type { BackupVerbOptions } from './backup.ts';
import type { Cli } from './cli.ts';
import { describeSurroundings } from './manifest-facts.ts';
import { BackupReport } from './output/backup-report.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { sourceContext } from './source-context.ts';
import { programVersion } from './version.ts';

export async function runSourceBackup(cli: Cli, args: readonly string[], options: BackupVerbOptions): Promise<void> {
  const printer = cli.printer();
  const files = createFiles();
  const request = await readSourceRequest(cli, args, options, files);
  const dryRun = options.dryRun === true;
  // Compared with the last backup all the same: files that are not sound keep their last good content.
  const readAll = options.force === true;
  const key = openSigningKey(keyFilePath(stateFolder(cli.environment, process.getuid?.())));
  await using session = await openSession(cli, dryRun ? 'none' : 'shared', { dryRun });
  const { repository, signal } = session;
  const [indexed, last] = await Promise.all([repository.loadIndex(), lastSnapshot(session, request, options)]);
  printer.normal(
    last === undefined ? 'no parent snapshot found, will read all files' : `using parent snapshot ${shortId(last.id)}`,
  );
  using report = new BackupReport(printer, zeroCounters());
  const context = { ...sourceContext(cli, signal, (line) => printer.error(`Warning: ${line}`)), files };
  const { compression, packSizeMib } = cli.globals();
  const host = request.host ?? repository.host.identity.hostname;
  const outcome = await saveSources({
    indexed,
    sources: request.sources,
    context,
    key,
    last,
    about: async () => await describeSurroundings({ cli, options, context, host, clock: systemClock() }),
    options: {
      workingFolder: workingFolder(),
      tags: readAll ? [...request.tags, fullTag] : request.tags,
      change: { ignoreCtime: false, ignoreInode: false, readAll },
      excludes: options.exclude ?? [],
      withAtime: options.withAtime === true,
      compression,
      skipIfUnchanged: options.skipIfUnchanged === true,
      dryRun,
      programVersion,
      counters: report.counters,
      report: (event) => report.onEvent(event),
      signal,
      ...defined({
        hostname: request.host,
        time: request.time,
        threads: request.threads,
        packTargetBytes: packSizeMib === undefined ? undefined : packSizeMib * 1024 * 1024,
      }),
    },
  });
  report.finish(outcome.result, dryRun);
  sayOutcome(session, outcome, keyFingerprint(key));
}

async function lastSnapshot(
  { repository }: Session,
  request: Awaited<ReturnType<typeof readSourceRequest>>,
  options: BackupVerbOptions,
) {
  const id = await chooseParent(repository, {
    force: false,
    name: options.parent,
    groupBy: options.groupBy,
    host: request.host ?? repository.host.identity.hostname,
    paths: listedPathsOf(request.sources),
    tags: request.tags,
    time: request.time ?? timestampOfNs(repository.host.clock.nowNs()),
  });
  return id === undefined ? undefined : { id, snapshot: await repository.loadSnapshot(id) };
}

/** What restic has no words for. */
function sayOutcome({ printer }: Session, { result, warnings }: SaveOutcome, fingerprint: string): void {
  const { rejected, streams, counters, snapshotId } = result;
  for (const warning of warnings) printer.error(`Warning: ${warning}`);
  for (const { path, why, keptLastGood } of rejected) {
    const kept = keptLastGood ? 'the last good content is kept' : 'there is no earlier content to keep';
    printer.error(`Warning: ${toText(path)} was not taken: ${why}; ${kept}`);
  }
  if (printer.json) {
    printer.message({
      message_type: 'sources',
      key: fingerprint,
      streams: streams.map(({ path, sizeBytes, sha256 }) => ({ path: toText(path), size: sizeBytes, sha256 })),
      rejected: rejected.map(({ path, why, keptLastGood }) => ({
        path: toText(path),
        why,
        kept_last_good: keptLastGood,
      })),
      warnings,
    });
  } else if (snapshotId !== undefined) {
    printer.normal(`manifest signed with ${fingerprint}; prove it with: coffre verify ${shortId(snapshotId)}`);
  }
  if (counters.errors === 0 && rejected.length === 0) return;
  throw new CoffreError('SOURCE_INCOMPLETE', 'at least one source file could not be read or was not sound', {
    hint: 'The rest is saved; the lines above say which.',
  });
}

import { check, isId, messageOf, parseId, repairPacks } from '@coffre/repository';
import type { Outlook, PackId, PackRepairEvent, PackRepairResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import type { Counter } from './output/progress.ts';
import { keepPackCopy } from './pack-copies.ts';
import { openRepairSource } from './repair-source.ts';
import { addSecondaryRepository } from './secondary-repository.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { usage } from './values.ts';

export function defineRepairPacks(command: Command, cli: Cli): void {
  addSecondaryRepository(
    command.argument('[packID...]', 'as `check` names them; when none is given, everything is read to find them'),
  )
    .option('--copies-to <folder>', 'where copies of the damaged packs are kept', '.')
    .option('-n, --dry-run', 'change nothing, only show what could be saved')
    .action(async (names, options) => {
      const named = names.map(packIdOf);
      const dryRun = options.dryRun === true;
      await using source = await openRepairSource(cli, options);
      await using session = await openSession(cli, dryRun ? 'read' : 'exclusive', { uncached: true });
      if (!dryRun) session.repository.backend.refuseShrunkenLists?.();
      const { printer } = session;
      const packs = named.length > 0 ? named : await findDamaged(session);
      if (packs.length === 0) return sayNothing(printer, dryRun);
      if (!dryRun) printer.normal(`saving backup copies of pack files to ${copiesText(options.copiesTo)}`);
      using report = new PackReport(printer, dryRun);
      const result = await audited(
        { cli, repository: session.repository, printer },
        {
          action: 'repair packs',
          dryRun,
          shown: { packs: [...packs] },
          work: () =>
            repairPacks(
              session.repository,
              {
                packs,
                dryRun,
                ...(source !== undefined && { source: source.indexed }),
                keepCopy: async (id, bytes) => void (await keepPackCopy(options.copiesTo, id, bytes)),
              },
              (event) => {
                session.signal.throwIfAborted();
                source?.session.signal.throwIfAborted();
                report.onEvent(event);
              },
            ),
          done: ({ totals, lost }) => ({ ...totals, lostPieces: lost.map(({ type, id }) => `${type} ${id}`) }),
        },
      );
      report.finish(result);
    });
}

function packIdOf(name: string): PackId {
  if (isId(name)) return parseId<PackId>(name);
  throw usage(`${JSON.stringify(name)} is not the id of a pack`, 'Give all 64 digits, as `coffre check` prints them.');
}

function copiesText(folder: string): string {
  return folder === '.' ? 'current folder' : folder;
}

/** As `check --read-data` finds them. */
async function findDamaged({ repository, printer, signal }: Session): Promise<PackId[]> {
  printer.normal('reading all packs to find the damaged ones');
  using packs = printer.counter('packs');
  const missing: PackId[] = [];
  let isReading = false;
  const { brokenPacks } = await check(repository, { readData: { kind: 'all' } }, (event) => {
    signal.throwIfAborted();
    if (event.kind === 'phase' && event.phase === 'read-data') isReading = true;
    if (event.kind === 'phase' && isReading) packs.set(0, event.total ?? 0);
    if (event.kind === 'progress' && isReading) packs.set(event.done);
    if (event.kind === 'finding' && event.finding.kind === 'pack-missing') {
      if (event.finding.packId !== undefined) missing.push(event.finding.packId);
    }
  });
  packs.finish();
  return [...brokenPacks, ...missing];
}

function sayNothing(printer: Printer, dryRun: boolean): void {
  if (printer.json) printer.message(summaryJson({ packs: 0, totals: nothing, lost: [] }, dryRun));
  else printer.normal('no pack is damaged');
}

const nothing: Outlook = { salvaged: 0, elsewhere: 0, healed: 0, lost: 0, lostBytes: 0 };

class PackReport implements Disposable {
  readonly #printer: Printer;
  readonly #dryRun: boolean;
  #counter: Counter | undefined;

  constructor(printer: Printer, dryRun: boolean) {
    this.#printer = printer;
    this.#dryRun = dryRun;
  }

  onEvent(event: PackRepairEvent): void {
    const printer = this.#printer;
    switch (event.kind) {
      case 'pack-unknown':
        return printer.error(`pack ${event.id} is neither in the storage nor in the index: nothing to do`);
      case 'pack':
        return printer.normal(
          `pack ${event.id}${event.isThere ? '' : ' is gone'}: ${outlookText(event.outlook, this.#dryRun)}`,
        );
      case 'salvaging':
        return printer.normal('salvaging intact data from specified pack files');
      case 'blob-unreadable':
        return printer.error(`failed to load blob ${event.id}: ${messageOf(event.error)}`);
      case 'salvaged':
        return this.#count('pack files', event.done, event.total);
      case 'rebuilding':
        return printer.normal('rebuilding index');
      case 'replacing':
        return this.#count('old indexes deleted', event.done, event.total);
      case 'left':
        return printer.error(
          `pack ${event.id}: the storage did not give all of it, so it stays there; \`coffre prune\` takes it away`,
        );
      case 'removed':
        if (this.#counter === undefined) printer.normal('removing salvaged pack files');
        return this.#count('files deleted', event.done, event.total);
      default:
        return event satisfies never;
    }
  }

  finish(result: PackRepairResult): void {
    const printer = this.#printer;
    if (printer.json) return printer.message(summaryJson(result, this.#dryRun));
    const { lost, lostBytes } = result.totals;
    if (this.#dryRun) return printer.normal('nothing was changed');
    if (lost === 0) {
      return printer.normal(
        '\nall that is known to be in them was saved. Run `coffre check --read-data`: it tells if a snapshot lacks something.',
      );
    }
    printer.normal(`
lost: ${piecesText(lost)} (${formatBytes(lostBytes)}). What may still bring that back, in this order:

coffre repair heal --from-repo REPOSITORY
  from another repository that has it
coffre backup --force FOLDER…
  from the same folders, where their files are unchanged
coffre repair snapshots --dry-run
  tells which files lack something. Use \`coffre repair snapshots --forget\` to remove the corrupted data blobs from all snapshots`);
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }

  #count(noun: string, done: number, total: number): void {
    this.#counter ??= this.#printer.counter(noun, total);
    this.#counter.set(done);
    if (done < total) return;
    this.#counter.finish();
    this.#counter = undefined;
  }
}

function outlookText({ salvaged, elsewhere, healed, lost, lostBytes }: Outlook, dryRun: boolean): string {
  if (salvaged + elsewhere + healed + lost === 0) return 'nothing in it can be read, and no index tells what it held';
  const parts = [
    `${piecesText(salvaged)} can be read`,
    ...(elsewhere > 0 ? [`another copy of ${elsewhere}`] : []),
    ...(healed > 0 ? [`${healed} from the other repository`] : []),
    lost > 0 ? `${lost} ${dryRun ? 'would be lost' : 'lost'} (${formatBytes(lostBytes)})` : 'nothing lost',
  ];
  return parts.join(', ');
}

function piecesText(count: number): string {
  return count === 1 ? '1 piece' : `${count} pieces`;
}

function summaryJson({ packs, totals, lost }: PackRepairResult, dryRun: boolean): Record<string, unknown> {
  return {
    message_type: 'summary',
    dry_run: dryRun,
    packs,
    blobs_salvaged: totals.salvaged,
    blobs_elsewhere: totals.elsewhere,
    blobs_healed: totals.healed,
    blobs_lost: totals.lost,
    bytes_lost: totals.lostBytes,
    lost: lost.map(({ type, id, packId, sizeBytes }) => ({ type, id, pack: packId, size: sizeBytes })),
  };
}

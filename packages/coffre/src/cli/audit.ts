/** `coffre audit`: reads and proves the log of what cannot be undone. */
import { readFileSync } from 'node:fs';
import { CoffreError, messageOf } from '@coffre/repository/opening';
import type { Command } from '@commander-js/extra-typings';
import { checkpointFile, readCheckpointFile } from '../audit/audit-log.ts';
import { parseVerifierKey, verifierKeyText } from '../audit/checkpoint.ts';
import type { VerifierKey } from '../audit/checkpoint.ts';
import { readSigningKey } from '../audit/signing-key.ts';
import { verifyLog } from '../audit/verify-log.ts';
import type { LogVerdict } from '../audit/verify-log.ts';
import { auditCheckpoints, auditEntries, auditHead, lastAuditEntries, removalsBefore } from '../store/audit-rows.ts';
import type { AuditRow } from '../store/audit-rows.ts';
import { storeName } from '../store/location.ts';
import { openExistingState } from './audit-access.ts';
import type { AuditPlace } from './audit-access.ts';
import { configuredAuditPlace } from './audit-place.ts';
import type { Cli } from './cli.ts';
import { exitCodeOf, ExitVerdict } from './exit-code.ts';
import { quoteName } from './output/display.ts';
import { formatLocalTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { tableLines } from './output/table.ts';
import { parseLooseTime } from './times.ts';
import { collect, parseWholeNumber, usage } from './values.ts';

export function defineAudit(command: Command, cli: Cli): void {
  command
    .command('tail')
    .description('Show the newest entries')
    .option('-n, --count <n>', 'how many', '20')
    .option('--since <time>', 'all from then on, such as "2026-08-20 14:00"')
    .option('--config <file>', 'the configuration')
    .action(async (options) => await tail(cli, options));
  command
    .command('verify')
    .description('Prove that no entry was changed, added or taken out')
    .option('--config <file>', 'the configuration')
    .option('--checkpoint <file>', 'a copy of audit.checkpoint that was kept elsewhere (repeatable)', collect)
    .option('--key <key>', 'the verifier key of another machine, as its `verify` prints it (repeatable)', collect)
    .action(async (options) => await verify(cli, options));
  command
    .command('export')
    .description('Print all entries with their hashes, one JSON object a line')
    .option('--since <time>', 'those from then on')
    .option('--config <file>', 'the configuration')
    .action(async (options) => await exportAll(cli, options));
}

type Body = {
  readonly phase?: unknown;
  readonly who?: { readonly user?: unknown; readonly asked?: unknown };
  readonly from?: { readonly host?: unknown; readonly client?: unknown };
  readonly target?: { readonly repository?: unknown };
};

type Configurable = { readonly config?: string | undefined };
type TailOptions = Configurable & { readonly count: string; readonly since?: string | undefined };

async function tail(cli: Cli, options: TailOptions): Promise<void> {
  const printer = cli.printer();
  const count = parseWholeNumber(options.count, '--count');
  const sinceMs = sinceOf(options.since);
  await using store = await openExistingState(await placeOf(cli, options), printer);
  const rows =
    sinceMs === undefined ? await lastAuditEntries(store, count) : await Array.fromAsync(auditEntries(store, sinceMs));
  if (printer.json) return printer.message(rows.map(entryJson));
  if (rows.length === 0) return printer.normal('the audit log is empty');
  const lines = tableLines({
    columns: ['#', 'Time', 'Who', 'From', 'What', 'Repository'],
    rows: rows.map((row) => {
      const { phase, who, from, target } = readBody(row);
      const asked = who?.asked === undefined ? '' : ` (${textOf(who.asked)})`;
      const client = from?.client === undefined ? '' : ` (${textOf(from.client)})`;
      return [
        String(row.position),
        formatLocalTime(new Date(row.atMs)),
        textOf(who?.user) + asked,
        textOf(from?.host) + client,
        `${textOf(row.action)} ${textOf(phase)}`,
        textOf(target?.repository).slice(0, 8),
      ];
    }),
  });
  for (const line of lines) printer.always(line);
  return undefined;
}

type VerifyOptions = Configurable & { readonly checkpoint?: string[] | undefined; readonly key?: string[] | undefined };

async function verify(cli: Cli, options: VerifyOptions): Promise<void> {
  const printer = cli.printer();
  const place = await placeOf(cli, options);
  const own = readSigningKey(place.folder);
  const keys = [...(own === undefined ? [] : [own]), ...(options.key ?? []).map(givenKey)];
  const beside = readCheckpointFile(checkpointFile(place.folder));
  const witnessed = [
    ...(beside === undefined ? [] : [{ name: checkpointFile(place.folder), note: beside }]),
    ...(options.checkpoint ?? []).map((path) => ({ name: path, note: givenCheckpoint(path) })),
  ];
  await using store = await openExistingState(place, printer);
  const [checkpoints, head] = [await auditCheckpoints(store), await auditHead(store)];
  const verdict = await verifyLog({
    entries: auditEntries(store),
    head,
    checkpoints,
    witnessed,
    keys,
    removalsBefore: async (atMs) => await removalsBefore(store, atMs),
  });
  const keyText = own === undefined ? undefined : verifierKeyText(own);
  // The key is made before the first entry.
  const isWitnessed = own === undefined || verdict.entries === 0 || witnessed.length > 0;
  const failure = failureOf(verdict, place, isWitnessed);
  if (!printer.json) {
    if (failure !== undefined) throw failure;
    return sayGood(printer, verdict, keyText);
  }
  printer.message(verdictJson(verdict, { origin: head?.origin, key: keyText, failure }));
  // All is said in one document.
  if (failure !== undefined) throw new ExitVerdict(exitCodeOf(failure));
  return undefined;
}

function failureOf({ bad }: LogVerdict, place: AuditPlace, isWitnessed: boolean): CoffreError | undefined {
  if (bad !== undefined) return broken(bad, storeName(place.location));
  return isWitnessed ? undefined : unwitnessed(place.folder);
}

function sayGood(printer: Printer, { entries, root }: LogVerdict, keyText: string | undefined): void {
  if (entries === 0) return printer.normal('the audit log is empty');
  printer.normal(`the audit log is good: ${entries === 1 ? '1 entry' : `${entries} entries`}, all signed for`);
  printer.normal(`root ${root}`);
  if (keyText !== undefined) printer.normal(`key  ${keyText}`);
  return undefined;
}

function broken({ position, reason }: NonNullable<LogVerdict['bad']>, name: string): CoffreError {
  return new CoffreError('AUDIT_BROKEN', `the audit log in ${name} is bad from entry ${position} on: ${reason}`, {
    hint: 'Keep a copy of the state folder as it is now. Entries before that one are proved; compare the rest with what was sent elsewhere.',
  });
}

/** This machine signed entries, and what it wrote down beside them is gone: entries at the end may be gone with it. */
function unwitnessed(folder: string): CoffreError {
  return new CoffreError(
    'AUDIT_BROKEN',
    `${checkpointFile(folder)} is gone: nobody can tell whether the end of the log was cut off`,
    {
      hint: 'Give a copy of it that was kept elsewhere: --checkpoint FILE. The next act on record writes it again.',
    },
  );
}

type VerdictWords = {
  readonly origin: string | undefined;
  readonly key: string | undefined;
  readonly failure: CoffreError | undefined;
};

function verdictJson(verdict: LogVerdict, { origin, key, failure }: VerdictWords): Record<string, unknown> {
  const { entries, signed, root, bad } = verdict;
  return {
    message_type: 'audit_verification',
    good: failure === undefined,
    origin: origin ?? null,
    entries,
    signed,
    root,
    key: key ?? null,
    first_bad: bad?.position ?? null,
    reason: bad?.reason ?? (failure === undefined ? null : 'audit.checkpoint is gone'),
    error_code: failure?.code ?? null,
    hint: failure?.hint ?? null,
  };
}

async function exportAll(cli: Cli, options: Configurable & { readonly since?: string | undefined }): Promise<void> {
  const printer = cli.printer();
  const sinceMs = sinceOf(options.since);
  await using store = await openExistingState(await placeOf(cli, options), printer);
  for await (const row of auditEntries(store, sinceMs)) {
    cli.signal.throwIfAborted();
    printer.always(JSON.stringify({ position: row.position, hash: row.hash, body: row.body }));
  }
}

async function placeOf(cli: Cli, { config }: Configurable): Promise<AuditPlace> {
  return (await configuredAuditPlace(cli, config)).place;
}

function sinceOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseLooseTime(text, '--since').getTime();
}

function givenKey(text: string): VerifierKey {
  const key = parseVerifierKey(text);
  if (key !== undefined) return key;
  throw usage(
    `${JSON.stringify(text)} is no verifier key`,
    'Give the text after "key" that `coffre audit verify` prints.',
  );
}

function givenCheckpoint(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`the checkpoint cannot be read: ${messageOf(error)}`);
  }
}

function entryJson(row: AuditRow): unknown {
  return { ...(readBody(row) as object), position: row.position, hash: row.hash };
}

/** Also of an entry that somebody spoilt; `verify` says so, this only shows. */
function readBody(row: AuditRow): Body {
  try {
    const body: unknown = JSON.parse(row.body);
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? quoteName(value) : '';
}

import { CoffreError, isCoffreError, messageOf, shortId, toByteString } from '@coffre/repository';
import type { IndexedRepository, Snapshot, StoredSnapshot } from '@coffre/repository';
import { linesOfData } from '../manifest/checksums.ts';
import { keyFilePath, keyFingerprint, readKey } from '../manifest/signature.ts';
import { ReadSums } from '../manifest/read-sums.ts';
import { loadManifest, verifyContent } from '../manifest/verify.ts';
import type { SignedManifest, VerifiedContent } from '../manifest/verify.ts';
import { openSavedSource } from '../source-run/saved-source.ts';
import type { CheckStep, Verification } from '../source/source.ts';
import { stateFolder } from '../store/location.ts';
import type { Cli } from './cli.ts';
import { specsForProof } from './db-source.ts';
import { configuredIfThere, type Configured } from './meant-repositories.ts';
import { showName } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { openSession } from './session.ts';
import { selectSnapshot, snapshotFilter } from './snapshot-options.ts';
import { sourceContext } from './source-context.ts';
import type { VerifyVerbOptions } from './verify.ts';

export async function runVerify(cli: Cli, name: string, options: VerifyVerbOptions): Promise<void> {
  await using session = await openSession(cli, 'read', { uncached: true });
  const { repository, printer, signal } = session;
  const { id, snapshot } = await selectSnapshot(repository, snapshotFilter(options, cli.environment), name);
  const indexed = await repository.loadIndex();
  const signed = await loadManifest(indexed, snapshot.tree, signal);
  const trust = trustIn(cli, options, signed);
  if (options.checksums === true) {
    // Lines for another program: nothing else is said.
    await printer.terminal.writeRaw(linesOfData(signed.checksumsText));
    return;
  }
  const sums = new ReadSums();
  const saved: SnapshotToProve = { indexed, snapshot, signed, sums };
  const sources = options.hashesOnly === true ? [] : await verifySources(cli, saved, signal, await configuredHere(cli));
  const content = await verifyContent(indexed, snapshot.tree, signed, signal, sums);
  say(printer, { id, snapshot }, { signed, trust, content, sources });
  if (content.findings.length > 0) {
    const count = content.findings.length;
    throw new CoffreError('VERIFY_FAILED', `${count} ${count === 1 ? 'file is' : 'files are'} not as saved`, {
      hint: 'Change nothing in the repository. Verify an earlier snapshot, and run `coffre check --read-data`.',
    });
  }
  if (sources.some(({ verification }) => verification.differences.length > 0)) {
    throw new CoffreError('SOURCE_VERIFY_FAILED', 'a saved source is not as it was', {
      hint: 'The lines above say what differs. Load an earlier snapshot, and check the live source.',
    });
  }
}

/** What is saved can be proved without a configuration, and with one that is not right. */
async function configuredHere(cli: Cli): Promise<Configured | undefined> {
  try {
    return await configuredIfThere(cli, undefined, true);
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    cli.printer().error(`Warning: the configuration is not used: ${messageOf(error)}`);
    return undefined;
  }
}

type Trust = 'own' | 'named' | 'unknown';

/** @throws {CoffreError} MANIFEST_DAMAGED when another key signed than was demanded */
function trustIn(cli: Cli, options: VerifyVerbOptions, { fingerprint }: SignedManifest): Trust {
  if (options.key !== undefined) {
    if (options.key === fingerprint) return 'named';
    throw new CoffreError('MANIFEST_DAMAGED', `the manifest is signed with ${fingerprint}, not with ${options.key}`, {
      hint: 'Somebody else made this snapshot, or changed it.',
    });
  }
  const key = readKey(keyFilePath(stateFolder(cli.environment, process.getuid?.())));
  return key !== undefined && keyFingerprint(key) === fingerprint ? 'own' : 'unknown';
}

const everyStep: ReadonlySet<CheckStep> = new Set(['archive', 'open', 'schema', 'row_counts']);

type VerifiedSource = { readonly kind: string; readonly name: string; readonly verification: Verification };

export type SnapshotToProve = {
  readonly indexed: IndexedRepository;
  readonly snapshot: Snapshot;
  readonly signed: SignedManifest;
  /** Get the hashes of what sources read. */
  readonly sums: ReadSums;
};

export async function verifySources(
  cli: Cli,
  { indexed, snapshot, signed, sums }: SnapshotToProve,
  signal: AbortSignal,
  configured?: Configured,
): Promise<VerifiedSource[]> {
  const warn = (line: string): void => cli.printer().error(`Warning: ${line}`);
  const context = sourceContext(cli, signal, warn, configured);
  const specs = await specsForProof(configured, snapshot, warn);
  const verified: VerifiedSource[] = [];
  for (const entry of signed.manifest.sources) {
    const { type, saved } = openSavedSource(indexed, snapshot.tree, entry, signal, sums);
    const live = specs.find(({ kind, settings }) => kind === entry.kind && settings.name === entry.name);
    let verification: Verification;
    try {
      verification = await type.verify(saved, context, everyStep, live?.settings);
    } catch (error) {
      // The room for a copy says nothing of what is saved.
      if (signal.aborted || !isCoffreError(error) || error.code.startsWith('SOURCE_')) throw error;
      verification = { passed: [], proved: [], differences: [messageOf(error)] };
    }
    verified.push({ kind: entry.kind, name: entry.name, verification });
  }
  return verified;
}

type Verified = {
  readonly signed: SignedManifest;
  readonly trust: Trust;
  readonly content: VerifiedContent;
  readonly sources: readonly VerifiedSource[];
};

function say(printer: Printer, { id, snapshot }: StoredSnapshot, verified: Verified): void {
  const { signed, trust, content, sources } = verified;
  if (printer.json) {
    const isSound =
      content.findings.length === 0 && sources.every(({ verification }) => verification.differences.length === 0);
    printer.message({
      schema: 'coffre.verify/1',
      snapshot: id,
      time: snapshot.time,
      sound: isSound,
      signature: { key: signed.fingerprint, trust },
      files: content.files,
      bytes: content.bytes,
      findings: content.findings,
      sources: sources.map(({ kind, name, verification }) => ({ kind, name, ...verification })),
    });
    return;
  }
  for (const { path, kind, why } of content.findings) {
    printer.error(`${kind}: ${showName(toByteString(path))}: ${why}`);
  }
  for (const { name, verification } of sources) {
    for (const difference of verification.differences) printer.error(`${name}: ${difference}`);
    if (verification.proved.length > 0) printer.normal(`${name}: ${verification.proved.join(', ')}`);
  }
  const whose = { own: 'the key of this machine', named: 'the key that was named', unknown: 'a key unknown here' }[
    trust
  ];
  printer.normal(`signature: ${whose}, ${signed.fingerprint}`);
  if (content.findings.length > 0) return;
  printer.normal(
    `snapshot ${shortId(id)}: ${content.files} files, ${formatBytes(content.bytes)}, every hash as signed`,
  );
}

/** `coffre backup verify NAME`: every byte of a backup read back and compared with what was signed; databases opened. */
import { CoffreError, isCoffreError, messageOf, shortId } from '@coffre/repository';
import type { IndexedRepository, StoredSnapshot } from '@coffre/repository';
import { ReadSums } from '../manifest/read-sums.ts';
import { loadManifest, verifyContent } from '../manifest/verify.ts';
import { factsOf } from '../named/tags.ts';
import { findBackups } from './backup-found.ts';
import type { Cli } from './cli.ts';
import { meantRepositories } from './meant-repositories.ts';
import type { Meant, MeantOptions } from './meant-repositories.ts';
import { noteVerification } from './note-verification.ts';
import { quoteName } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import { verifySources } from './verify-run.ts';

export type VerifiedSnapshot = {
  readonly repository: string;
  readonly snapshot: string;
  /** SITE/SOURCE. */
  readonly source: string | undefined;
  readonly files: number;
  readonly bytes: number;
  /** What is not as it was saved, a sentence each; none when all is well. */
  readonly problems: readonly string[];
  /** What was proved beside the hashes. */
  readonly proved: readonly string[];
};

export async function verifyNamed(cli: Cli, name: string, options: MeantOptions): Promise<void> {
  const meant = await meantRepositories(cli, options);
  const verified = await verifyBackups(cli, meant, name);
  const printer = cli.printer();
  const isSound = verified.every(({ problems }) => problems.length === 0);
  if (printer.json) printer.message({ schema: 'coffre.backup-verify/1', name, sound: isSound, snapshots: verified });
  else {
    for (const { repository, snapshot, source, files, bytes, problems, proved } of verified) {
      const what = `${quoteName(source ?? snapshot.slice(0, 8))} in ${quoteName(repository)}`;
      for (const problem of problems) printer.error(`${what}: ${problem}`);
      const more = proved.map((words) => `, ${words}`).join('');
      if (problems.length === 0)
        printer.normal(`${what}: ${files} files, ${formatBytes(bytes)}, every hash as signed${more}`);
    }
  }
  if (isSound) return;
  throw new CoffreError('VERIFY_FAILED', `${JSON.stringify(name)} is not what was saved`, {
    hint: 'Change nothing in the repository. `coffre restore --latest --verified-only` finds the newest sound backup.',
  });
}

/** In every repository that has it. @throws {CoffreError} SNAPSHOT_NOT_FOUND; storage errors */
export async function verifyBackups(cli: Cli, meant: Meant, name: string): Promise<VerifiedSnapshot[]> {
  const verified: VerifiedSnapshot[] = [];
  for (const { backup, repository } of await findBackups(meant, name)) {
    await using session = await repository.open('read', { uncached: true });
    const indexed = await session.repository.loadIndex();
    for (const stored of backup.snapshots) {
      const found = await verifyOne(cli, meant, { indexed, stored }, session.signal);
      verified.push({ ...found, repository: repository.name });
      const [problem] = found.problems;
      await noteVerification(cli, meant, 'proof', {
        repository: repository.name,
        kind: 'verify',
        subject: stored.id,
        outcome: problem === undefined ? 'good' : 'damaged',
        ...(problem === undefined ? {} : { detail: problem }),
      });
    }
  }
  return verified;
}

async function verifyOne(
  cli: Cli,
  { configured }: Meant,
  { indexed, stored }: { readonly indexed: IndexedRepository; readonly stored: StoredSnapshot },
  signal: AbortSignal,
): Promise<Omit<VerifiedSnapshot, 'repository'>> {
  const { id, snapshot } = stored;
  const about = { snapshot: id, source: factsOf(snapshot).source };
  try {
    const signed = await loadManifest(indexed, snapshot.tree, signal);
    const sums = new ReadSums();
    const opened = await verifySources(cli, { indexed, snapshot, signed, sums }, signal, configured);
    const { findings, files, bytes } = await verifyContent(indexed, snapshot.tree, signed, signal, sums);
    // What a damaged file means for a database, its own line says already.
    const sources = findings.length > 0 ? [] : opened;
    return {
      ...about,
      files,
      bytes,
      problems: [
        ...findings.map(({ path, kind, why }) => `${kind}: ${path}: ${why}`),
        ...sources.flatMap(({ verification }) => verification.differences),
      ],
      proved: sources.flatMap(({ verification }) => verification.proved),
    };
  } catch (error) {
    if (signal.aborted || !isCoffreError(error)) throw error;
    return { ...about, files: 0, bytes: 0, problems: [`${shortId(id)}: ${messageOf(error)}`], proved: [] };
  }
}

/** Proofs of a saved server: archives read to the end, then loaded into a private server and counted. */
import { isCoffreError } from '@coffre/repository';
import type { CheckStep, SavedSource, SourceContext, Verification } from '../source.ts';
import { addressUrl } from './address-url.ts';
import { identifier } from './names.ts';
import { inOwnSearchPath } from './own-search-path.ts';
import { countedIn, differencesInside } from './prove.ts';
import { jobsOf, restoreArchive } from './restore-archive.ts';
import { startScratchServer, type ScratchServer } from './scratch-server.ts';
import { serverFacts } from './server.ts';
import { openSession, type Session } from './session.ts';
import type { PostgresSettings } from './settings.ts';
import { createDatabase, createRoles, refuseWithoutExtensions, savedGlobals } from './target-server.ts';
import { toolsFor } from './tools.ts';
import type { DatabaseTruth, PostgresTruth } from './truth.ts';

const adminDatabase = 'template1';

type Findings = { readonly proved: string[]; readonly differences: string[] };

export async function verifySaved(
  saved: SavedSource<PostgresTruth>,
  context: SourceContext,
  steps: ReadonlySet<CheckStep>,
  settings?: PostgresSettings,
): Promise<Verification> {
  const findings: Findings = { proved: [], differences: [] };
  const asked = (['archive', 'open', 'schema', 'row_counts'] as const).filter((step) => steps.has(step));
  if (asked.length === 0) return { passed: [], ...findings };
  const needsServer = asked.some((step) => step !== 'archive');
  if (needsServer) await verifyLoaded(saved, context, steps, findings, settings);
  else await verifyArchives(saved, context, findings);
  const passed = findings.differences.length === 0 ? asked : [];
  return { passed, ...findings };
}

/** Reads every byte of every archive as a restore would, with no server at all. */
async function verifyArchives(
  saved: SavedSource<PostgresTruth>,
  context: SourceContext,
  findings: Findings,
): Promise<void> {
  const tools = await toolsFor(context, majorOf(saved.truth.toolVersion));
  await savedGlobals(saved, (line) => void findings.differences.push(line));
  for (const database of saved.truth.databases) {
    await attempt(saved, database, findings, async () => {
      await restoreArchive({ saved, database, context, tools, into: undefined });
      findings.proved.push(`${shown(saved, database)}archive whole`);
    });
  }
}

async function verifyLoaded(
  saved: SavedSource<PostgresTruth>,
  context: SourceContext,
  steps: ReadonlySet<CheckStep>,
  findings: Findings,
  settings: PostgresSettings | undefined,
): Promise<void> {
  const depth = { schema: steps.has('schema'), rows: steps.has('row_counts') };
  await using server = await startFor(saved, context);
  await using session = await openSession({ address: server.address, database: adminDatabase, signal: context.signal });
  await makeRoles(session, saved, context);
  for (const database of saved.truth.databases) {
    await attempt(saved, database, findings, async () => {
      await loadIntoScratch({ server, session, settings }, saved, database, context);
      const differences = await differencesInside({
        address: server.address,
        name: database.name,
        expected: database,
        isPart: saved.truth.isPart,
        depth,
        signal: context.signal,
      });
      findings.differences.push(...differences.map((line) => `${shown(saved, database)}${line}`));
      if (differences.length > 0) return;
      const said = [
        'archive whole',
        `loads into PostgreSQL ${server.tools.version}`,
        ...(depth.schema ? ['schema as saved'] : []),
        ...(depth.rows ? [`${countedIn(database)} as counted`] : []),
      ];
      findings.proved.push(`${shown(saved, database)}${said.join(', ')}`);
    });
  }
}

/** What is wrong with the saved bytes is found; what is wrong with this machine is thrown. */
async function attempt(
  saved: SavedSource<PostgresTruth>,
  database: DatabaseTruth,
  findings: Findings,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    const isTheirs =
      isCoffreError(error, 'SOURCE_INVALID') ||
      isCoffreError(error, 'SOURCE_COMMAND_FAILED') ||
      isCoffreError(error, 'SOURCE_DENIED');
    if (!isTheirs) throw error;
    findings.differences.push(`${shown(saved, database)}${error.message}`);
  }
}

function shown({ truth }: SavedSource<PostgresTruth>, { name }: DatabaseTruth): string {
  return truth.databases.length > 1 ? `${name}: ` : '';
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

async function startFor(saved: SavedSource<PostgresTruth>, context: SourceContext): Promise<ScratchServer> {
  const { server, toolVersion, databases } = saved.truth;
  const sizeBytes = databases.reduce((sum, database) => sum + database.sizeBytes, 0);
  return await startScratchServer(context, Math.max(majorOf(server.version), majorOf(toolVersion)), sizeBytes);
}

/** As they were, so that owners and grants can be restored; passwords and memberships matter to nobody here. */
async function makeRoles(session: Session, saved: SavedSource<PostgresTruth>, context: SourceContext): Promise<void> {
  const statements = await savedGlobals(saved, context.warn);
  const named = statements.filter(({ kind }) => kind === 'create role').map(({ name }) => name);
  const owners = saved.truth.databases.flatMap(({ roles, owner }) => [...roles, owner]);
  await createRoles(session, statements, [...named, ...owners]);
}

type Trial = {
  readonly server: ScratchServer;
  readonly session: Session;
  readonly settings: PostgresSettings | undefined;
};

async function loadIntoScratch(
  { server, session, settings }: Trial,
  saved: SavedSource<PostgresTruth>,
  database: DatabaseTruth,
  context: SourceContext,
): Promise<void> {
  const { major } = await serverFacts(session);
  await refuseWithoutExtensions(session, database, major);
  await inOwnSearchPath(database, context.warn, async (searchPath) => {
    // What a try before left; and the one that every new server has may be of another encoding.
    await session.rows(`DROP DATABASE IF EXISTS ${identifier(database.name)}`);
    await createDatabase(session, database.name, database, { major, anyLocale: true });
    await restoreArchive({
      saved,
      database,
      // Where the user of the server can read it.
      context: { ...context, temporaryFolder: server.folder },
      tools: server.tools,
      jobs: jobsOf(settings),
      into: { address: server.address, name: database.name },
      words: ['--no-tablespaces'],
      asUser: server.asUser,
      searchPath,
    });
  });
}

/** A server with everything in it; where there is one database, the place is its address. */
export async function scratchOf(
  saved: SavedSource<PostgresTruth>,
  context: SourceContext,
  settings?: PostgresSettings,
): Promise<AsyncDisposable & { readonly place: string }> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await startFor(saved, context));
  await using session = await openSession({ address: server.address, database: adminDatabase, signal: context.signal });
  await makeRoles(session, saved, context);
  for (const database of saved.truth.databases)
    await loadIntoScratch({ server, session, settings }, saved, database, context);
  const [only, second] = saved.truth.databases;
  const place = addressUrl(server.address, only === undefined || second !== undefined ? 'postgres' : only.name);
  const kept = opened.move();
  return { place, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

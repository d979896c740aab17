/** What killed loads left on a server: copies that nobody needs go, and what was replaced is named, with the way back. */
import { hostname } from 'node:os';
import { isCoffreError, messageOf } from '@coffre/repository';
import { factsOf } from './facts.ts';
import { leftBehind, type LeftBehind, type Mark } from './load-names.ts';
import { identifier } from './names.ts';
import { openSession, type Session } from './session.ts';
import type { PostgresAddress } from './settings.ts';

export function markOf(coffre: Mark['coffre'], name: string, atMs: number, comment: string | null): Mark {
  return { coffre, name, host: hostname(), pid: process.pid, at: new Date(atMs).toISOString(), comment };
}

/** Sentences for people: nothing is changed. */
export async function abandonedLines(session: Session): Promise<string[]> {
  return (await leftBehind(session)).map((one) => {
    if (one.isBroken) return `${one.database} is half removed: the next \`coffre db restore\` removes the rest`;
    if (one.kind === 'replaced') return replacedLine(one);
    return `a load${ofMark(one)} was killed, and its copy ${one.database} is still there: the next \`coffre db restore\` removes it`;
  });
}

function replacedLine({ database, mark }: LeftBehind): string {
  const was = mark === undefined ? 'a load replaced it' : `it was ${JSON.stringify(mark.name)} until ${mark.at}`;
  const back = mark === undefined ? 'its old name' : JSON.stringify(mark.name);
  return `database ${database} was left: ${was}. DROP DATABASE ${database}, or rename it to ${back} to have it back`;
}

function ofMark({ mark }: LeftBehind): string {
  return mark === undefined ? '' : ` into ${JSON.stringify(mark.name)} by ${mark.host}`;
}

type Place = {
  readonly address: PostgresAddress;
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
};

/** Before a load. Only what is surely of a dead one goes: it says so itself, or nothing is in it. */
export async function removeAbandoned(session: Session, place: Place): Promise<void> {
  for (const one of await leftBehind(session)) {
    if (one.kind === 'replaced' && !one.isBroken) {
      place.warn(replacedLine(one));
      continue;
    }
    try {
      const why = await reasonToKeep(one, place);
      if (why === undefined) await session.rows(`DROP DATABASE IF EXISTS ${identifier(one.database)} WITH (FORCE)`);
      else place.warn(`database ${one.database} looks like the copy of a load that was killed, but ${why}; drop it`);
    } catch (error) {
      if (place.signal.aborted || !isCoffreError(error)) throw error;
      place.warn(`database ${one.database} of a load that was killed could not be removed: ${messageOf(error)}`);
    }
  }
}

async function reasonToKeep(one: LeftBehind, { address, signal }: Place): Promise<string | undefined> {
  if (one.isBroken) return undefined;
  if (one.strangers > 0) return 'programs are connected to it';
  if (one.mark?.coffre === 'loading') return undefined;
  await using inside = await openSession({ address, database: one.database, signal });
  return (await holdsNothing(inside, signal)) ? undefined : 'it does not say whose it is';
}

export async function holdsNothing(session: Session, signal: AbortSignal): Promise<boolean> {
  const { relations, objects, largeObjects } = await factsOf(session, {
    countsRows: false,
    sumsContent: false,
    signal,
  });
  return relations.length === 0 && objects.length === 0 && largeObjects === 0;
}

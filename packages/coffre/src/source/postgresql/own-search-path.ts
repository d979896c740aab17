/**
 * Archives are loaded with an empty search path. A function that names things without their schema fails there, and with it
 * every index, constraint or materialized view that calls it: such a database is loaded once more, in its own search path.
 */
import { CoffreError, isCoffreError } from '@coffre/repository';
import { identifier } from './names.ts';
import type { DatabaseTruth } from './truth.ts';

/** Most that goes along with a start of a session. */
const pathLengthMax = 4000;

/** What servers say in the languages they speak. */
const notThere =
  /does not exist|n.existe pas|existiert nicht|no existe|non esiste|não existe|nie istnieje|не существует|не існує|neexistuje|finns inte|existerar inte|mevcut değil|yok|存在しません|不存在|없습니다|없음/;

/**
 * @param act loads all of it, or leaves nothing; called again with a search path when names were not found
 */
export async function inOwnSearchPath(
  database: DatabaseTruth,
  warn: (line: string) => void,
  act: (searchPath: string | undefined) => Promise<void>,
): Promise<void> {
  try {
    await act(undefined);
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_COMMAND_FAILED') || !notThere.test(error.message)) throw error;
    const path = ownSearchPath(database);
    try {
      await act(path);
    } catch (second) {
      if (!isCoffreError(second, 'SOURCE_COMMAND_FAILED')) throw second;
      throw new CoffreError('SOURCE_COMMAND_FAILED', error.message, {
        hint: 'Something in it is found neither without nor with a search path. Its tables load one by one with --table; to save it better, name schemas in its functions (ALTER FUNCTION … SET search_path).',
        cause: error,
      });
    }
    warn(
      `${JSON.stringify(database.name)} was loaded with the search path ${path}: something in it names what it needs ` +
        `without the schema (${missingIn(error.message)}); ALTER FUNCTION … SET search_path ends this`,
    );
  }
}

/** The server's own words, out of all that the program printed. */
function missingIn(message: string): string {
  const line = message.split('\n').find((one) => notThere.test(one)) ?? message;
  // `pg_restore: error: …: ERROR:  function f() does not exist`
  return line.replace(/^.*: {2,}/, '');
}

/** As the database sets it for itself and for roles, then what every server has, then every schema of it. Pure. */
export function ownSearchPath({ settings, roleSettings, relations, objects }: DatabaseTruth): string {
  const set = [...settings, ...roleSettings].filter(({ name }) => name === 'search_path');
  const schemas = [...relations, ...objects].flatMap(({ schema }) => (schema === null ? [] : [identifier(schema)]));
  const path: string[] = [];
  for (const one of new Set([...set.flatMap(({ value }) => namesIn(value)), '"$user"', '"public"', ...schemas])) {
    const name = /^"[a-z_][a-z0-9_]*"$/.test(one) ? one.slice(1, -1) : one;
    if ([...path, name].join(', ').length > pathLengthMax) break;
    path.push(name);
  }
  return path.join(', ');
}

/** Of a list as the server keeps it: `app, "My Schema"`. */
function namesIn(list: string): string[] {
  const found = list.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [];
  return found.filter((name) => name !== '""').map((name) => (name.startsWith('"') ? name : identifier(name)));
}

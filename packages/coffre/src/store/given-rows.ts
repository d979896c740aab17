/** Lists that go into a statement as one value, on either engine. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Rows } from './store.ts';

/** The entries as rows with these names, numbered by `place`. */
export function given(
  { engine }: Rows,
  entries: readonly (readonly string[])[],
  names: readonly string[],
): RawBuilder<unknown> {
  const json = JSON.stringify(entries);
  if (engine === 'sqlite') {
    const columns = names.map((name, at) => `json_extract(value, '$[${at}]') as ${name}`).join(', ');
    // With a limit they are taken out of the text once, and not wherever the statement names them.
    return sql`select key as place, ${sql.raw(columns)} from json_each(${json}) limit ${entries.length}`;
  }
  const columns = names.map((name, at) => `item ->> ${at} as ${name}`).join(', ');
  return sql`select place, ${sql.raw(columns)} from json_array_elements(${json}::json) with ordinality as listed (item, place)`;
}

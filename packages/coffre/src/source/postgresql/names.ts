/** Names and texts inside SQL, connection strings and paths, whatever they hold. Pure. */

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** A table as people write it: quotes only where they are needed. */
export function showName(schema: string, name: string): string {
  return [schema, name].map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : identifier(part))).join('.');
}

/** `dbname='…'`: a name alone would be read as a connection string when it looks like one. */
export function databaseWord(name: string): string {
  return `dbname='${name.replaceAll(/['\\]/g, (special) => `\\${special}`)}'`;
}

/** A file name of its own for every database; readable for ordinary ones. */
export function fileNameOf(database: string): string {
  return database.replaceAll(/[\u0000-\u001f\u007f/%\\]/g, (special) => encodeURIComponent(special));
}

/** Names inside SQL and paths, whatever they hold. Pure. */

export function identifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** For sessions without NO_BACKSLASH_ESCAPES, which all of ours are. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\0', '\\0')}'`;
}

/** A file name of its own for every database; readable for ordinary ones. */
export function fileNameOf(database: string): string {
  return `${database.replaceAll(/[\u0000-\u001f\u007f/%\\]/g, (special) => encodeURIComponent(special))}.sql`;
}

/** As people write it: quotes only where they are needed. */
export function showName(...parts: readonly string[]): string {
  return parts.map((part) => (/^[\w$]+$/.test(part) ? part : JSON.stringify(part))).join('.');
}

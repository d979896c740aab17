/** Reads along, and throws where what it saw cannot be whole and good. */
export type Scan = { push(part: Uint8Array): void; end(): void };

/** What passes is proved: the last byte is given only when all of it was seen. */
export async function* scanned(scan: Scan, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const part of parts) {
    scan.push(part);
    if (held !== undefined) yield held;
    held = part;
  }
  scan.end();
  if (held !== undefined) yield held;
}

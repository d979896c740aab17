import { open } from 'node:fs/promises';

/** A new file, on the disk when it resolves. @throws EEXIST when it is there */
export async function writeWhole(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const bytes of content) await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

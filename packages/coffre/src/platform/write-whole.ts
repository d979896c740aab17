import { open } from 'node:fs/promises';
import { CoffreError } from '@coffre/repository';

/** A new file, on the disk when it resolves. @throws EEXIST when it is there; {CoffreError} SOURCE_SPACE_SHORT */
export async function writeWhole(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const bytes of content) await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw new CoffreError('SOURCE_SPACE_SHORT', `${path} could not be written: the disk is full`, {
      hint: 'Make room there, or name another disk. What was there before is as it was.',
      cause: error,
    });
  } finally {
    await file.close();
  }
}
